"""cohere: both APIs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import (
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


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import cohere

    return cohere.ClientV2(base_url=url, api_key="k", timeout=timeout)


def open_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import cohere
    import httpx

    # Its own choice, aiohttp's client, cannot be closed.
    http = httpx.AsyncClient(timeout=timeout)
    return cohere.AsyncClientV2(base_url=url, api_key="k", timeout=timeout, httpx_client=http)


def open_first(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import cohere

    return cohere.Client(base_url=url, api_key="k", timeout=timeout)


def open_first_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import cohere
    import httpx

    http = httpx.AsyncClient(timeout=timeout)
    return cohere.AsyncClient(base_url=url, api_key="k", timeout=timeout, httpx_client=http)


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
    retrying={"request_options": {"max_retries": 2}},
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


def rerank(client: Any, fields: Fields) -> Any:
    return client.rerank(**fields)


RERANK = Row(
    name="cohere.rerank",
    sdk="cohere",
    provider="cohere",
    operation="retrieval",
    open=open_client,
    open_async=open_async,
    fields={
        "model": "fake-model",
        "query": QUESTION,
        "documents": ["It rains in Paris.", "It snows in Oslo.", "It is dry in Cairo."],
        "top_n": 2,
        "request_options": {"max_retries": 0},
    },
    asked={"gen_ai.retrieval.top_k": 2, "gen_ai.retrieval.query.text": QUESTION},
    answered=lambda reply, streamed: {
        "gen_ai.retrieval.documents": [{"index": 0, "score": 0.9}, {"index": 1, "score": 0.8}]
    },
    ways=(Way("call", rerank), Way("acall", rerank, is_async=True)),
    connection=connection,
    retries=False,
    tools=False,
)


def generate(client: Any, fields: Fields) -> Any:
    return client.generate(**fields)


def generated(client: Any, fields: Fields) -> list[Any]:
    return list(client.generate_stream(**fields))


async def agenerated(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in client.generate_stream(**fields)]


def first_answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    reason = "stop" if reply.tool_calls else reply.reason
    return {
        **answered(reply, streamed),
        "gen_ai.response.finish_reasons": (reason,),
        "gen_ai.output.messages": output_messages(reply, reason, ids=False),
    }


def generate_answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    """A whole answer does not say why it ended, and a stream not what it cost."""
    (said,) = output_messages(reply, reply.reason)
    told: dict[str, Any] = {"gen_ai.response.id": reply.id}
    if streamed:
        return {**told, "gen_ai.response.finish_reasons": (reply.reason,), "gen_ai.output.messages": [said]}
    del said["finish_reason"]
    used = {name: value for name, value in answered(reply, False).items() if name.startswith("gen_ai.usage.")}
    return {**told, **used, "gen_ai.output.messages": [said]}


FIRST_TOOL = {
    "name": "get_weather",
    "description": "Current weather",
    "parameter_definitions": {
        "city": {"type": "string", "required": True},
    },
}
FIRST_CHAT = replace(
    CHAT,
    name="cohere.first_chat",
    open=open_first,
    open_async=open_first_async,
    fields={
        **{name: value for name, value in FIELDS.items() if name != "messages"},
        "preamble": SYSTEM,
        "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}],
        "message": QUESTION,
        "conversation_id": "conv_1",
        "tools": [FIRST_TOOL],
    },
    asked={
        **CHAT.asked,
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
            {"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]},
            USER_MESSAGE,
        ],
        "gen_ai.tool.definitions": [TOOL_DEFINITION],
    },
    answered=first_answered,
)
GENERATE = replace(
    CHAT,
    name="cohere.generate",
    operation="text_completion",
    open=open_first,
    open_async=open_first_async,
    fields={"model": "fake-model", "prompt": QUESTION, "max_tokens": 64, "request_options": {"max_retries": 0}},
    asked={"gen_ai.request.max_tokens": 64, "gen_ai.input.messages": [USER_MESSAGE]},
    answered=generate_answered,
    ways=(
        Way("call", generate),
        Way("acall", generate, is_async=True),
        Way("stream", generated, streams=True),
        Way("astream", agenerated, streams=True, is_async=True),
    ),
    stream=None,
    astream=None,
    tools=False,
)
FIRST_EMBED = replace(
    EMBED,
    name="cohere.first_embed",
    open=open_first,
    open_async=open_first_async,
    fields={"model": "fake-model", "texts": ["a", "b"], "request_options": {"max_retries": 0}},
    asked={},
)
FIRST_RERANK = replace(RERANK, name="cohere.first_rerank", open=open_first, open_async=open_first_async)
ROWS = (CHAT, MORE, EMBED, RERANK, FIRST_CHAT, GENERATE, FIRST_EMBED, FIRST_RERANK)
