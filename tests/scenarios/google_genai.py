"""google-genai: generate_content, embeddings and images, on AI Studio and on Vertex."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from fakes.replies import Reply
from fakes.wires.google import PIXEL
from scenarios import openai_shaped as shape
from scenarios.row import (
    PARAMETERS,
    QUESTION,
    SYSTEM,
    SYSTEM_INSTRUCTIONS,
    TOOL_DEFINITION,
    USER_MESSAGE,
    Fields,
    Row,
    Way,
    output_messages,
)


def options(url: str, retries: int, timeout: float) -> Any:
    from google.genai import types

    again = types.HttpRetryOptions(attempts=retries + 1, initial_delay=0.001, max_delay=0.002, jitter=0.0)
    return types.HttpOptions(base_url=url, timeout=int(timeout * 1000), retry_options=again)


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from google import genai

    return genai.Client(api_key="k", vertexai=False, http_options=options(url, retries, timeout))


def open_vertex(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from google import genai
    from google.oauth2.credentials import Credentials

    credentials: Any = Credentials("token")  # type: ignore[no-untyped-call]
    return genai.Client(
        vertexai=True,
        project="p",
        location="us-central1",
        credentials=credentials,
        http_options=options(url, retries, timeout),
    )


class Connection:
    """One client holds a synchronous and an asynchronous connection."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def aclose(self) -> None:
        await self._client.aio.aclose()
        self._client.close()


FIELDS: Fields = {
    "model": "fake-model",
    "contents": QUESTION,
    "config": {
        "system_instruction": SYSTEM,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "max_output_tokens": 64,
        "stop_sequences": ["END"],
        "seed": 7,
        "frequency_penalty": 0.25,
        "presence_penalty": -0.25,
        "tools": [
            {
                "function_declarations": [
                    {
                        "name": "get_weather",
                        "description": "Current weather",
                        "parameters_json_schema": PARAMETERS,
                    }
                ]
            }
        ],
    },
}
ASKED = {
    **shape.ASKED,
    "gen_ai.request.top_k": 40,
    "gen_ai.input.messages": [USER_MESSAGE],
    "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
    "gen_ai.tool.definitions": [TOOL_DEFINITION],
}


def generate(client: Any, fields: Fields) -> Any:
    return client.models.generate_content(**fields)


async def agenerate(client: Any, fields: Fields) -> Any:
    return await client.aio.models.generate_content(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return client.models.generate_content_stream(**fields)


def astream(client: Any, fields: Fields) -> Any:
    return client.aio.models.generate_content_stream(**fields)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [chunk async for chunk in await astream(client, fields)]


def chat(client: Any, fields: Fields) -> Any:
    session = client.chats.create(model=fields["model"], config=fields["config"])
    return session.send_message(fields["contents"])


async def achat(client: Any, fields: Fields) -> Any:
    session = client.aio.chats.create(model=fields["model"], config=fields["config"])
    return await session.send_message(fields["contents"])


def chat_drained(client: Any, fields: Fields) -> list[Any]:
    session = client.chats.create(model=fields["model"], config=fields["config"])
    return list(session.send_message_stream(fields["contents"]))


async def achat_drained(client: Any, fields: Fields) -> list[Any]:
    session = client.aio.chats.create(model=fields["model"], config=fields["config"])
    return [chunk async for chunk in await session.send_message_stream(fields["contents"])]


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "gen_ai.response.id": reply.id,
        "gen_ai.response.model": reply.model or "fake-model",
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": output_messages(reply, reply.reason),
    }
    if reply.usage:
        told |= {
            "gen_ai.usage.input_tokens": reply.usage.input,
            "gen_ai.usage.output_tokens": reply.usage.output,
            "gen_ai.usage.cache_read.input_tokens": reply.usage.cached,
            "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoning,
            "gen_ai.usage.text.input_tokens": reply.usage.input,
        }
        for kind, counts in (
            ("input", reply.usage.input_by),
            ("output", reply.usage.output_by),
            ("cache_read.input", reply.usage.cached_by),
        ):
            told |= {f"gen_ai.usage.{modality}.{kind}_tokens": count for modality, count in counts.items()}
    return told


def embed(client: Any, fields: Fields) -> Any:
    return client.models.embed_content(**fields)


async def aembed(client: Any, fields: Fields) -> Any:
    return await client.aio.models.embed_content(**fields)


SPOKEN = shape.SPOKEN.usage
assert SPOKEN is not None
PAINTED = Reply(usage=dataclasses.replace(SPOKEN, output_by={"text": 2, "image": 2, "audio": 2}))
GENERATE = Row(
    name="google_genai.generate",
    sdk="google_genai",
    provider="gcp.gemini",
    operation="generate_content",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields=FIELDS,
    asked=ASKED,
    answered=answered,
    ways=(
        Way("call", generate),
        Way("acall", agenerate, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
        Way("chat", chat),
        Way("achat", achat, is_async=True),
        Way("chat_stream", chat_drained, streams=True),
        Way("achat_stream", achat_drained, streams=True, is_async=True),
        Way("spoken", generate, reply=PAINTED),
        Way("spoken_stream", drained, streams=True, reply=PAINTED),
    ),
    stream=stream,
    astream=astream,
)
VERTEX = dataclasses.replace(
    GENERATE,
    name="google_genai.vertex",
    provider="gcp.vertex_ai",
    open=open_vertex,
    open_async=open_vertex,
    ways=(
        Way("call", generate),
        Way("acall", agenerate, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
    ),
    stream=None,
    astream=None,
)
MORE = dataclasses.replace(
    GENERATE,
    name="google_genai.generate_more",
    fields={
        "model": "fake-model",
        "contents": QUESTION,
        "config": {
            "candidate_count": 2,
            "response_mime_type": "application/json",
            "thinking_config": {"thinking_level": "LOW"},
        },
    },
    asked={
        "gen_ai.request.choice.count": 2,
        "gen_ai.output.type": "json",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.input.messages": [USER_MESSAGE],
    },
    ways=(Way("call", generate),),
    stream=None,
    astream=None,
)
EMBED = Row(
    name="google_genai.embed",
    sdk="google_genai",
    provider="gcp.gemini",
    operation="embeddings",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields={"model": "fake-model", "contents": ["a", "b"]},
    asked={},
    answered=lambda reply, streamed: {"gen_ai.embeddings.dimension.count": len(reply.vector)},
    ways=(Way("call", embed), Way("acall", aembed, is_async=True)),
    tools=False,
)
VERTEX_EMBED = dataclasses.replace(
    EMBED,
    name="google_genai.vertex_embed",
    provider="gcp.vertex_ai",
    open=open_vertex,
    open_async=open_vertex,
    fields={"model": "text-embedding-fake", "contents": ["a"], "config": {"output_dimensionality": 3}},
    answered=lambda reply, streamed: {
        "gen_ai.embeddings.dimension.count": len(reply.vector),
        "gen_ai.usage.input_tokens": reply.usage.input if reply.usage else 0,
    },
    ways=(Way("call", embed),),
    model="text-embedding-fake",
)


def paint(client: Any, fields: Fields) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the method says that it will go
        return client.models.generate_images(**fields)


async def apaint(client: Any, fields: Fields) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return await client.aio.models.generate_images(**fields)


IMAGES = Row(
    name="google_genai.images",
    sdk="google_genai",
    provider="gcp.vertex_ai",
    operation="generate_content",
    open=open_vertex,
    open_async=open_vertex,
    connection=Connection,
    fields={"model": "fake-model", "prompt": QUESTION, "config": {"number_of_images": 2}},
    asked={
        "gen_ai.output.type": "image",
        "gen_ai.request.choice.count": 2,
        "gen_ai.input.messages": [USER_MESSAGE],
    },
    answered=lambda reply, streamed: {
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL}] * 2,
            }
        ]
    },
    ways=(Way("call", paint), Way("acall", apaint, is_async=True)),
    tools=False,
)
ROWS = (GENERATE, MORE, VERTEX, EMBED, VERTEX_EMBED, IMAGES)
