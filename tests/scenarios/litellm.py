"""litellm: what its router of providers sends to OpenAI's wire, and to those of Anthropic and Cohere."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any
from unittest.mock import ANY

from fakes.replies import Reply
from scenarios import anthropic, cohere, openai
from scenarios import openai_shaped as shape
from scenarios.row import Fields, Open, Row, Way


@dataclass(frozen=True)
class Client:
    """LiteLLM has functions: what they are all called with."""

    url: str
    retries: int
    timeout: float
    provider: str = "openai"

    def __call__(self, function: str, fields: Fields, **more: Any) -> Any:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or importing it asks GitHub for prices
        import litellm

        place = {"api_base": f"{self.url}/v1", "api_key": "k", "max_retries": self.retries, "timeout": self.timeout}
        asked = {**fields, "model": f"{self.provider}/{fields['model']}"}
        return attrgetter(function)(litellm)(**asked, **place, **more)


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    return Client(url, retries, timeout)


def opener(provider: str) -> Open:
    def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        return Client(url, retries, timeout, provider)

    return open_client


def both(function: str) -> tuple[Way, Way]:
    """A function and its asynchronous twin."""
    module, dot, name = function.rpartition(".")
    twin = f"{module}{dot}a{name}"
    return (
        Way("call", lambda client, fields: client(function, fields)),
        Way("acall", lambda client, fields: client(twin, fields), is_async=True),
    )


def served(row: Row, name: str, *ways: Way, opened: Open = open_client, **changes: Any) -> Row:
    """What another SDK's row asks, asked of LiteLLM."""
    return replace(
        row, name=f"litellm.{name}", sdk="litellm", open=opened, open_async=opened, ways=ways, tools=False, **changes
    )


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


USAGE_TOO = {"include_usage": True}
CHAT = Row(
    name="litellm.chat",
    sdk="litellm",
    provider="openai",
    operation="chat",
    open=open_client,
    open_async=open_client,
    fields={**shape.FIELDS, "stream_options": USAGE_TOO},
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
    retried_by="openai",
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
        *both("responses"),
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
    ways=both("embedding"),
    tools=False,
)


def varied(client: Any, fields: Fields) -> Any:
    return openai.called_though_it_will_go(lambda **asked: client("image_variation", asked), fields)


def spoken(client: Any, fields: Fields) -> bytes:
    sound: bytes = client("speech", fields).read()
    return sound


async def aspoken(client: Any, fields: Fields) -> bytes:
    sound: bytes = (await client("aspeech", fields)).read()
    return sound


def transcripts_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client("transcription", fields, stream=True))


async def transcripts_adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client("atranscription", fields, stream=True)]


IMAGES = served(openai.MEDIA.images(), "images", *both("image_generation"))

EDITED = served(openai.EDITED, "images_edited", *both("image_edit"), fields={**openai.EDITED.fields, "image": b"PNG"})
VARIED = served(openai.VARIED, "images_varied", Way("call", varied))
SPEECH = served(openai.MEDIA.speech(), "speech", Way("call", spoken), Way("acall", aspoken, is_async=True))
TRANSCRIPTS = served(
    openai.MEDIA.transcripts(),
    "transcripts",
    *both("transcription"),
    Way("stream", transcripts_drained, streams=True),
    Way("astream", transcripts_adrained, streams=True, is_async=True),
)
RERANK = served(
    cohere.RERANK,
    "rerank",
    *both("rerank"),
    opened=opener("cohere"),
    connection=lambda client: client,
    fields={name: value for name, value in cohere.RERANK.fields.items() if name != "request_options"},
)

MESSAGES = replace(
    anthropic.MESSAGES,
    name="litellm.messages",
    sdk="litellm",
    open=opener("anthropic"),
    open_async=opener("anthropic"),
    ways=(
        Way("acall", lambda client, fields: client("anthropic.messages.acreate", fields), is_async=True),
        Way("aplain", lambda client, fields: client("anthropic_messages", fields), is_async=True),
    ),
    stream=None,
    astream=None,
)
"""LiteLLM makes them with Anthropic asynchronously alone, and streams them where its proxy is installed too."""
SAMPLED = {"temperature": 0.5, "top_p": 0.9, "top_k": 40}
MESSAGES_MORE = replace(
    anthropic.MORE,
    name="litellm.messages_more",
    sdk="litellm",
    open=opener("anthropic"),
    open_async=opener("anthropic"),
    fields={**{name: value for name, value in anthropic.MORE.fields.items() if name != "extra_body"}, **SAMPLED},
    ways=(
        Way(
            "acall",
            lambda client, fields: client("anthropic_messages", fields),
            is_async=True,
            reply=anthropic.COMPACTED,
        ),
    ),
)


def converted(reply: Reply, streamed: bool) -> dict[str, Any]:
    """Anthropic's answer in OpenAI's words, with an id of LiteLLM's own; its text is what was not cached or thought."""
    told = {**shape.answered(reply, streamed), "gen_ai.response.id": ANY}
    if used := reply.usage:
        told |= {
            "gen_ai.usage.cache_write.input_tokens": used.cache_written,
            "gen_ai.usage.text.input_tokens": used.input - used.cached - used.cache_written,
            "gen_ai.usage.text.output_tokens": used.output - used.reasoning,
        }
    return told


CONVERTED = replace(
    CHAT,
    name="litellm.chat_converted",
    provider="anthropic",
    open=opener("anthropic"),
    open_async=opener("anthropic"),
    fields={"model": "fake-model", "messages": shape.MESSAGES, "max_tokens": 64, "stream_options": USAGE_TOO},
    asked={"gen_ai.request.max_tokens": 64, "gen_ai.input.messages": shape.ASKED["gen_ai.input.messages"]},
    answered=converted,
    ways=(Way("stream", drained, streams=True),),
    stream=None,
    astream=None,
    tools=False,
)


def messages_stream(client: Any, fields: Fields) -> Any:
    return client("anthropic.messages.create", fields, stream=True)


def messages_drained(client: Any, fields: Fields) -> list[Any]:
    return list(messages_stream(client, fields))


async def messages_astream(client: Any, fields: Fields) -> Any:
    return await client("anthropic.messages.acreate", fields, stream=True)


async def messages_adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await messages_astream(client, fields)]


def translated(reply: Reply, streamed: bool) -> dict[str, Any]:
    """OpenAI's answer in Anthropic's words; what is LiteLLM's own is a stream's id, and that it counts what is not."""
    told = {
        **answered(reply, streamed),
        "gen_ai.output.messages": anthropic.answered(reply, streamed)["gen_ai.output.messages"],
    }
    return {**told, "gen_ai.response.id": ANY, "gen_ai.usage.cache_write.input_tokens": 0} if streamed else told


TRANSLATED = replace(
    MESSAGES,
    name="litellm.messages_translated",
    provider="openai",
    open=open_client,
    open_async=open_client,
    answered=translated,
    ways=(
        *both("anthropic.messages.create"),
        Way("stream", messages_drained, streams=True),
        Way("astream", messages_adrained, streams=True, is_async=True),
    ),
    stream=messages_stream,
    astream=messages_astream,
    raises=False,
)
ROWS = (
    CHAT,
    MORE,
    RESPONSES,
    EMBEDDINGS,
    IMAGES,
    EDITED,
    VARIED,
    SPEECH,
    TRANSCRIPTS,
    RERANK,
    MESSAGES,
    MESSAGES_MORE,
    TRANSLATED,
    CONVERTED,
)
