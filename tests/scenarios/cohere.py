"""cohere: chat and embeddings of the second API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import Fields, Row, Way, output_messages


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import cohere

    return cohere.ClientV2(base_url=url, api_key="k", timeout=timeout)


def open_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import cohere
    import httpx

    # Its own choice, aiohttp's client, cannot be closed.
    http = httpx.AsyncClient(timeout=timeout)
    return cohere.AsyncClientV2(base_url=url, api_key="k", timeout=timeout, httpx_client=http)


def connection(client: Any) -> Any:
    return client._client_wrapper.httpx_client.httpx_client


FIELDS: Fields = {
    "model": "fake-model",
    "messages": shape.MESSAGES,
    "tools": [shape.TOOL],
    "temperature": 0.5,
    "p": 0.9,
    "k": 40,
    "max_tokens": 64,
    "stop_sequences": ["END"],
    "seed": 7,
    "frequency_penalty": 0.25,
    "presence_penalty": 0.5,
    "request_options": {"max_retries": 0},
}


def chat(client: Any, fields: Fields) -> Any:
    return client.chat(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return client.chat_stream(**fields)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in stream(client, fields)]


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "gen_ai.response.id": reply.id,
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": messages(reply, streamed),
    }
    if reply.usage:
        told |= {
            "gen_ai.usage.input_tokens": reply.usage.input,
            "gen_ai.usage.output_tokens": reply.usage.output,
            "gen_ai.usage.cache_read.input_tokens": reply.usage.cached,
        }
    return told


def messages(reply: Reply, streamed: bool) -> list[dict[str, Any]]:
    told = output_messages(reply, reply.reason)
    if reply.tool_calls and not streamed:
        told[0]["parts"].insert(0, {"type": "reasoning", "content": "I will ask."})
    return told


def embed(client: Any, fields: Fields) -> Any:
    return client.embed(**fields)


CHAT = Row(
    name="cohere.chat",
    sdk="cohere",
    provider="cohere",
    operation="chat",
    open=open_client,
    open_async=open_async,
    fields=FIELDS,
    asked={**shape.ASKED, "gen_ai.request.top_k": 40, "gen_ai.request.presence_penalty": 0.5},
    answered=answered,
    ways=(
        Way("call", chat),
        Way("acall", chat, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
    ),
    stream=stream,
    astream=stream,
    connection=connection,
    retries=False,
)
EMBED = Row(
    name="cohere.embed",
    sdk="cohere",
    provider="cohere",
    operation="embeddings",
    open=open_client,
    open_async=open_async,
    fields={
        "model": "fake-model",
        "texts": ["a", "b"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "request_options": {"max_retries": 0},
    },
    asked={"gen_ai.request.encoding_formats": ("float",)},
    answered=lambda reply, streamed: {
        "gen_ai.usage.input_tokens": reply.usage.input if reply.usage else 0,
        "gen_ai.embeddings.dimension.count": len(reply.vector),
    },
    ways=(Way("call", embed), Way("acall", embed, is_async=True)),
    connection=connection,
    retries=False,
    tools=False,
)
MORE = replace(
    CHAT,
    name="cohere.chat_more",
    fields={
        "model": "fake-model",
        "messages": shape.MESSAGES,
        "response_format": {"type": "json_object"},
        "request_options": {"max_retries": 0},
    },
    asked={"gen_ai.output.type": "json", "gen_ai.input.messages": shape.ASKED["gen_ai.input.messages"]},
    ways=(Way("call", chat),),
    stream=None,
    astream=None,
)
ROWS = (CHAT, MORE, EMBED)
