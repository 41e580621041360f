"""ollama: chat, generate and embed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import QUESTION, SYSTEM, SYSTEM_INSTRUCTIONS, USER_MESSAGE, Fields, Row, Way, output_messages


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import ollama

    return ollama.Client(host=url, timeout=timeout)


def open_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    import ollama

    return ollama.AsyncClient(host=url, timeout=timeout)


OPTIONS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "num_predict": 64,
    "stop": ["END"],
    "seed": 7,
    "frequency_penalty": 0.25,
    "presence_penalty": -0.25,
}
REQUESTED = {name: value for name, value in shape.ASKED.items() if name.startswith("gen_ai.request.")}


def chat(client: Any, fields: Fields) -> Any:
    return client.chat(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return client.chat(**fields, stream=True)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [chunk async for chunk in await stream(client, fields)]


def of_the_package(client: Any, fields: Fields) -> Any:
    """`ollama.chat`, bound to a client that the package made for itself; here to ours."""
    import ollama

    own: Any = ollama.chat.__self__  # type: ignore[attr-defined]
    inner, own._client = own._client, client._client
    try:
        return ollama.chat(**fields)
    finally:
        own._client = inner


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "gen_ai.response.model": reply.model or "fake-model",
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": output_messages(reply, reply.reason, ids=False),
    }
    if reply.usage:
        told |= {
            "gen_ai.usage.input_tokens": reply.usage.input,
            "gen_ai.usage.output_tokens": reply.usage.output,
        }
    return told


def generate(client: Any, fields: Fields) -> Any:
    return client.generate(**fields)


def generate_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.generate(**fields, stream=True))


async def generate_adrained(client: Any, fields: Fields) -> list[Any]:
    return [piece async for piece in await client.generate(**fields, stream=True)]


def first_embed(client: Any, fields: Fields) -> Any:
    return client.embeddings(**fields)


def embed(client: Any, fields: Fields) -> Any:
    return client.embed(**fields)


CHAT = Row(
    name="ollama.chat",
    sdk="ollama",
    provider="ollama",
    operation="chat",
    open=open_client,
    open_async=open_async,
    fields={"model": "fake-model", "messages": shape.MESSAGES, "tools": [shape.TOOL], "options": OPTIONS},
    asked=shape.ASKED,
    answered=answered,
    ways=(
        Way("call", chat),
        Way("acall", chat, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
        Way("package", of_the_package),
    ),
    stream=stream,
    astream=stream,
    connection=lambda client: client._client,
    retries=False,
)
GENERATE = Row(
    name="ollama.generate",
    sdk="ollama",
    provider="ollama",
    operation="text_completion",
    open=open_client,
    open_async=open_async,
    fields={"model": "fake-model", "prompt": QUESTION, "system": SYSTEM, "options": OPTIONS},
    asked={**REQUESTED, "gen_ai.input.messages": [USER_MESSAGE], "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS},
    answered=answered,
    ways=(
        Way("call", generate),
        Way("acall", generate, is_async=True),
        Way("stream", generate_drained, streams=True),
        Way("astream", generate_adrained, streams=True, is_async=True),
    ),
    connection=lambda client: client._client,
    retries=False,
    tools=False,
)
EMBED = Row(
    name="ollama.embed",
    sdk="ollama",
    provider="ollama",
    operation="embeddings",
    open=open_client,
    open_async=open_async,
    fields={"model": "fake-model", "input": ["a", "b"]},
    asked={},
    answered=lambda reply, streamed: {
        "gen_ai.response.model": reply.model or "fake-model",
        "gen_ai.usage.input_tokens": reply.usage.input if reply.usage else 0,
        "gen_ai.embeddings.dimension.count": len(reply.vector),
    },
    ways=(Way("call", embed), Way("acall", embed, is_async=True)),
    connection=lambda client: client._client,
    retries=False,
    tools=False,
)
FIRST_EMBED = replace(
    EMBED,
    name="ollama.first_embed",
    fields={"model": "fake-model", "prompt": QUESTION},
    answered=lambda reply, streamed: {"gen_ai.embeddings.dimension.count": len(reply.vector)},
    ways=(Way("call", first_embed), Way("acall", first_embed, is_async=True)),
)
MORE = replace(
    CHAT,
    name="ollama.chat_more",
    fields={
        "model": "fake-model",
        "messages": shape.MESSAGES,
        "think": "low",
        "format": "json",
        "options": {"top_k": 40},
    },
    asked={
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.request.top_k": 40,
        "gen_ai.input.messages": shape.ASKED["gen_ai.input.messages"],
    },
    ways=(Way("call", chat),),
    stream=None,
    astream=None,
)
ROWS = (CHAT, MORE, GENERATE, EMBED, FIRST_EMBED)
