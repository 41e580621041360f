"""anthropic: messages, also on Bedrock and on Vertex."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import (
    PARAMETERS,
    QUESTION,
    SYSTEM,
    SYSTEM_INSTRUCTIONS,
    TOOL_DEFINITION,
    USER_MESSAGE,
    Fields,
    Open,
    Row,
    Way,
    output_messages,
)


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from anthropic import Anthropic

    return Anthropic(base_url=url, api_key="k", max_retries=retries, timeout=timeout)


def open_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(base_url=url, api_key="k", max_retries=retries, timeout=timeout)


def bedrock(name: str) -> Open:
    def open_bedrock(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module("anthropic"), name)
        keys = {"aws_access_key": "a", "aws_secret_key": "b", "aws_region": "us-east-1"}
        return client(base_url=url, **keys, max_retries=retries, timeout=timeout)

    return open_bedrock


def vertex(name: str) -> Open:
    def open_vertex(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module("anthropic"), name)
        place = {"region": "us-east5", "project_id": "p", "access_token": "t"}
        return client(base_url=url, **place, max_retries=retries, timeout=timeout)

    return open_vertex


FIELDS: Fields = {
    "model": "fake-model",
    "max_tokens": 64,
    "system": SYSTEM,
    "messages": [{"role": "user", "content": QUESTION}],
    "stop_sequences": ["END"],
    "tools": [{"name": "get_weather", "description": "Current weather", "input_schema": PARAMETERS}],
}
ASKED: Fields = {
    "gen_ai.request.max_tokens": 64,
    "gen_ai.request.stop_sequences": ("END",),
    "gen_ai.input.messages": [USER_MESSAGE],
    "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
    "gen_ai.tool.definitions": [TOOL_DEFINITION],
}


def create(client: Any, fields: Fields) -> Any:
    return client.messages.create(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return client.messages.create(**fields, stream=True)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await stream(client, fields)]


def managed(client: Any, fields: Fields) -> list[Any]:
    with stream(client, fields) as events:
        return list(events)


def helper(client: Any, fields: Fields) -> Any:
    with client.messages.stream(**fields) as events:
        return events.get_final_message()


async def ahelper(client: Any, fields: Fields) -> Any:
    async with client.messages.stream(**fields) as events:
        return await events.get_final_message()


def raw(client: Any, fields: Fields) -> Any:
    return client.messages.with_raw_response.create(**fields).parse()


async def araw(client: Any, fields: Fields) -> Any:
    return await shape.parsed(await client.messages.with_raw_response.create(**fields))


def raw_stream(client: Any, fields: Fields) -> list[Any]:
    return list(client.messages.with_raw_response.create(**fields, stream=True).parse())


async def araw_stream(client: Any, fields: Fields) -> list[Any]:
    response = await client.messages.with_raw_response.create(**fields, stream=True)
    return [event async for event in await shape.parsed(response)]


def streaming_response(client: Any, fields: Fields) -> Any:
    with client.messages.with_streaming_response.create(**fields) as response:
        return response.parse()


async def astreaming_response(client: Any, fields: Fields) -> Any:
    async with client.messages.with_streaming_response.create(**fields) as response:
        return await response.parse()


def beta(client: Any, fields: Fields) -> Any:
    return client.beta.messages.create(**fields)


def beta_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.beta.messages.create(**fields, stream=True))


def beta_helper(client: Any, fields: Fields) -> Any:
    with client.beta.messages.stream(**fields) as events:
        return events.get_final_message()


async def beta_ahelper(client: Any, fields: Fields) -> Any:
    async with client.beta.messages.stream(**fields) as events:
        return await events.get_final_message()


SUMMARY = {"type": "compaction", "content": "The weather was asked for."}


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
            "gen_ai.usage.cache_write.input_tokens": reply.usage.cache_written,
            "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoning,
        }
    if reply.compacted:
        told["gen_ai.conversation.compacted"] = True
        told["gen_ai.output.messages"][0]["parts"].insert(0, SUMMARY)
    return told


MESSAGES = Row(
    name="anthropic.messages",
    sdk="anthropic",
    provider="anthropic",
    operation="chat",
    open=open_client,
    open_async=open_async,
    fields=FIELDS,
    asked=ASKED,
    answered=answered,
    ways=(
        Way("call", create),
        Way("acall", create, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
        Way("managed_stream", managed, streams=True),
        Way("helper", helper, streams=True),
        Way("ahelper", ahelper, streams=True, is_async=True),
        Way("raw", raw),
        Way("araw", araw, is_async=True),
        Way("raw_stream", raw_stream, streams=True),
        Way("araw_stream", araw_stream, streams=True, is_async=True),
        Way("streaming_response", streaming_response),
        Way("astreaming_response", astreaming_response, is_async=True),
        Way("beta", beta),
        Way("abeta", beta, is_async=True),
        Way("beta_stream", beta_drained, streams=True),
        Way("beta_helper", beta_helper, streams=True),
        Way("beta_ahelper", beta_ahelper, streams=True, is_async=True),
    ),
    stream=stream,
    astream=stream,
)
COMPACTED = Reply(compacted=True)
MORE = replace(
    MESSAGES,
    name="anthropic.messages_more",
    fields={
        "model": "fake-model",
        "max_tokens": 64,
        "messages": [
            {"role": "assistant", "content": [{"type": "compaction", "content": "Hello."}]},
            {"role": "user", "content": QUESTION},
        ],
        "extra_body": {"temperature": 0.5, "top_p": 0.9, "top_k": 40},  # the SDK has no words for them any more
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": PARAMETERS}},
    },
    asked={
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.conversation.compacted": True,
        "gen_ai.input.messages": [
            {"role": "assistant", "parts": [{"type": "compaction", "content": "Hello."}]},
            USER_MESSAGE,
        ],
    },
    ways=(Way("call", beta, reply=COMPACTED), Way("stream", beta_drained, streams=True, reply=COMPACTED)),
    stream=None,
    astream=None,
)


def on(platform: str, provider: str, row: Row, opened: Open, opened_async: Open, *ways: Way) -> Row:
    """The same call where another cloud serves the model."""
    name = row.name.replace("anthropic.", f"anthropic.{platform}_")
    return replace(row, name=name, provider=provider, open=opened, open_async=opened_async, ways=ways)


SERVED = (
    Way("call", create),
    Way("acall", create, is_async=True),
    Way("stream", drained, streams=True),
    Way("astream", adrained, streams=True, is_async=True),
    Way("helper", helper, streams=True),
)
BEDROCK = ("bedrock", "aws.bedrock")
BEDROCK_CLIENTS = (bedrock("AnthropicBedrock"), bedrock("AsyncAnthropicBedrock"))
VERTEX = ("vertex", "gcp.vertex_ai")
VERTEX_CLIENTS = (vertex("AnthropicVertex"), vertex("AsyncAnthropicVertex"))
ROWS = (
    MESSAGES,
    MORE,
    on(*BEDROCK, MESSAGES, *BEDROCK_CLIENTS, *SERVED),
    on(*BEDROCK, MORE, *BEDROCK_CLIENTS, *MORE.ways),
    on(*VERTEX, MESSAGES, *VERTEX_CLIENTS, *SERVED),
    on(*VERTEX, MORE, *VERTEX_CLIENTS, *MORE.ways),
)
