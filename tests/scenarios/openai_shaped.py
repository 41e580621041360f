"""Chat completions: OpenAI's, and the SDKs that copied them."""

from __future__ import annotations

from typing import Any

from fakes.replies import Reply, Usage
from scenarios.row import PARAMETERS, QUESTION, SYSTEM, SYSTEM_MESSAGE, TOOL_DEFINITION, USER_MESSAGE, Fields, Way
from scenarios.row import output_messages as messages

MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Current weather", "parameters": PARAMETERS},
}
FIELDS: Fields = {
    "model": "fake-model",
    "messages": MESSAGES,
    "tools": [TOOL],
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 64,
    "stop": ["END"],
    "seed": 7,
    "frequency_penalty": 0.25,
    "presence_penalty": -0.25,
}
ASKED: Fields = {
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.max_tokens": 64,
    "gen_ai.request.stop_sequences": ("END",),
    "gen_ai.request.seed": 7,
    "gen_ai.request.frequency_penalty": 0.25,
    "gen_ai.request.presence_penalty": -0.25,
    "gen_ai.input.messages": [SYSTEM_MESSAGE, USER_MESSAGE],
    "gen_ai.tool.definitions": [TOOL_DEFINITION],
}


SPOKEN = Reply(
    usage=Usage(
        input_by={"text": 100, "image": 10, "audio": 8},
        output_by={"text": 3, "audio": 3},
        cached_by={"text": 90, "image": 6, "audio": 4},
    )
)
"""An answer of a provider that counts text, images and audio apart."""

MORE: Fields = {
    "model": "fake-model",
    "messages": MESSAGES,
    "n": 2,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
}
ASKED_MORE: Fields = {
    "gen_ai.request.choice.count": 2,
    "gen_ai.output.type": "json",
    "gen_ai.request.reasoning.level": "low",
    "gen_ai.input.messages": [SYSTEM_MESSAGE, USER_MESSAGE],
}


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "gen_ai.response.id": reply.id,
        "gen_ai.response.model": reply.model or "fake-model",
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": messages(reply, reply.reason),
    }
    if reply.usage:
        told |= {
            "gen_ai.usage.input_tokens": reply.usage.input,
            "gen_ai.usage.output_tokens": reply.usage.output,
            "gen_ai.usage.cache_read.input_tokens": reply.usage.cached,
            "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoning,
        }
    return told | modalities(reply)


def answered_twice(reply: Reply, streamed: bool) -> dict[str, Any]:
    """To `n=2`."""
    doubled = ("gen_ai.response.finish_reasons", "gen_ai.output.messages")
    return {name: value * 2 if name in doubled else value for name, value in answered(reply, streamed).items()}


def modalities(reply: Reply) -> dict[str, Any]:
    if reply.usage is None or not reply.usage.input_by:
        return {}
    return {
        "gen_ai.usage.cache_write.input_tokens": reply.usage.cache_written,
        **{f"gen_ai.usage.{modality}.input_tokens": count for modality, count in reply.usage.input_by.items()},
        **{f"gen_ai.usage.{modality}.output_tokens": count for modality, count in reply.usage.output_by.items()},
    }


def embedded(reply: Reply, streamed: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "gen_ai.response.model": reply.model or "fake-model",
        "gen_ai.embeddings.dimension.count": len(reply.vector),
    }
    return told | ({"gen_ai.usage.input_tokens": reply.usage.input} if reply.usage else {})


def create(client: Any, fields: Fields) -> Any:
    return client.chat.completions.create(**fields if fields.get("stream") else whole(fields))


def whole(fields: Fields) -> Fields:
    """What is asked when the answer is not streamed."""
    return {name: value for name, value in fields.items() if name != "stream_options"}


def stream(client: Any, fields: Fields) -> Any:
    return create(client, {**fields, "stream": True})


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


def managed(client: Any, fields: Fields) -> list[Any]:
    with stream(client, fields) as chunks:
        return list(chunks)


def raw(client: Any, fields: Fields) -> Any:
    response = client.chat.completions.with_raw_response.create(**whole(fields))
    return response.parse()


def raw_stream(client: Any, fields: Fields) -> list[Any]:
    response = client.chat.completions.with_raw_response.create(**fields, stream=True)
    return list(response.parse())


def streaming_response(client: Any, fields: Fields) -> Any:
    with client.chat.completions.with_streaming_response.create(**whole(fields)) as response:
        return response.parse()


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [chunk async for chunk in await stream(client, fields)]


async def amanaged(client: Any, fields: Fields) -> list[Any]:
    async with await stream(client, fields) as chunks:
        return [chunk async for chunk in chunks]


async def araw(client: Any, fields: Fields) -> Any:
    response = await client.chat.completions.with_raw_response.create(**whole(fields))
    return await parsed(response)


async def araw_stream(client: Any, fields: Fields) -> list[Any]:
    response = await client.chat.completions.with_raw_response.create(**fields, stream=True)
    return [chunk async for chunk in await parsed(response)]


async def astreaming_response(client: Any, fields: Fields) -> Any:
    async with client.chat.completions.with_streaming_response.create(**whole(fields)) as response:
        return await response.parse()


async def parsed(response: Any) -> Any:
    """Some generations of the generator parse at once, some when awaited."""
    result = response.parse()
    return await result if hasattr(result, "__await__") else result


PLAIN = (
    Way("call", create),
    Way("acall", create, is_async=True),
    Way("stream", drained, streams=True),
    Way("astream", adrained, streams=True, is_async=True),
)
STAINLESS = (
    *PLAIN,
    Way("managed_stream", managed, streams=True),
    Way("amanaged_stream", amanaged, streams=True, is_async=True),
    Way("raw", raw),
    Way("araw", araw, is_async=True),
    Way("raw_stream", raw_stream, streams=True),
    Way("araw_stream", araw_stream, streams=True, is_async=True),
    Way("streaming_response", streaming_response),
    Way("astreaming_response", astreaming_response, is_async=True),
)
