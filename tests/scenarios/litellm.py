"""litellm: chat completions by its router of providers; each goes to OpenAI's wire here."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai
from scenarios import openai_shaped as shape
from scenarios.row import Fields, Row, Way


@dataclass(frozen=True)
class Client:
    """LiteLLM has functions: what they are all called with."""

    url: str
    retries: int
    timeout: float

    def __call__(self, function: str, fields: Fields, **more: Any) -> Any:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or importing it asks GitHub for prices
        import litellm

        place = {"api_base": f"{self.url}/v1", "api_key": "k", "max_retries": self.retries, "timeout": self.timeout}
        return getattr(litellm, function)(**{**fields, "model": f"openai/{fields['model']}"}, **place, **more)


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    return Client(url, retries, timeout)


def stream(client: Any, fields: Fields) -> Any:
    return client("completion", fields, stream=True)


def drained(client: Any, fields: Fields) -> list[Any]:
    return [undated(chunk) for chunk in stream(client, fields)]


async def astream(client: Any, fields: Fields) -> Any:
    return await client("acompletion", fields, stream=True)


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [undated(chunk) async for chunk in await astream(client, fields)]


def undated(chunk: Any) -> Any:
    """LiteLLM dates chunks itself, by its own clock."""
    chunk.created = 0
    return chunk


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    return {
        **shape.answered(reply, streamed),
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
    }


CHAT = Row(
    name="litellm.chat",
    sdk="litellm",
    provider="openai",
    operation="chat",
    open=open_client,
    open_async=open_client,
    fields={**shape.FIELDS, "stream_options": {"include_usage": True}},
    asked=shape.ASKED,
    answered=answered,
    ways=(
        Way("call", lambda client, fields: client("completion", shape.whole(fields))),
        Way("acall", lambda client, fields: client("acompletion", shape.whole(fields)), is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
    ),
    stream=stream,
    astream=astream,
)
MORE = replace(
    CHAT,
    name="litellm.chat_more",
    fields={**shape.MORE, "service_tier": "flex", "allowed_openai_params": ["reasoning_effort"]},
    asked={**shape.ASKED_MORE, "openai.request.service_tier": "flex"},
    answered=lambda reply, streamed: {**answered(reply, streamed), **shape.answered_twice(reply, streamed)},
    ways=(Way("call", lambda client, fields: client("completion", fields), reply=shape.SPOKEN),),
    stream=None,
    astream=None,
)


def responses_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client("responses", fields, stream=True))


async def responses_adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client("aresponses", fields, stream=True)]


def responded(reply: Reply, streamed: bool) -> dict[str, Any]:
    """LiteLLM tells the provider in the ids that it hands out; of a stream's events it leaves them alone."""
    handed = base64.b64encode(f"litellm:custom_llm_provider:openai;model_id:None;response_id:{reply.id}".encode())
    told = openai.responded(reply, streamed)
    return told if streamed else {**told, "gen_ai.response.id": f"resp_{handed.decode()}"}


RESPONSES = replace(
    CHAT,
    name="litellm.responses",
    fields=openai.RESPONSES.fields,
    asked=openai.RESPONSES.asked,
    answered=responded,
    ways=(
        Way("call", lambda client, fields: client("responses", fields)),
        Way("acall", lambda client, fields: client("aresponses", fields), is_async=True),
        Way("compacted", lambda client, fields: client("responses", fields), reply=openai.COMPACTED),
        Way("stream", responses_drained, streams=True),
        Way("astream", responses_adrained, streams=True, is_async=True),
    ),
    stream=None,
    astream=None,
)
EMBEDDINGS = Row(
    name="litellm.embeddings",
    sdk="litellm",
    provider="openai",
    operation="embeddings",
    open=open_client,
    open_async=open_client,
    fields={"model": "fake-model", "input": ["a", "b"], "encoding_format": "float"},
    asked={"gen_ai.request.encoding_formats": ("float",)},
    answered=shape.embedded,
    ways=(
        Way("call", lambda client, fields: client("embedding", fields)),
        Way("acall", lambda client, fields: client("aembedding", fields), is_async=True),
    ),
    tools=False,
)
ROWS = (CHAT, MORE, RESPONSES, EMBEDDINGS)
