"""google-genai: interactions, with a model or with an agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios.google_genai import PAINTED, Connection, answered, open_client
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


def create(client: Any, fields: Fields) -> Any:
    return client.interactions.create(**fields)


def acreate(client: Any, fields: Fields) -> Any:
    return client.aio.interactions.create(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return create(client, {**fields, "stream": True})


def astream(client: Any, fields: Fields) -> Any:
    return acreate(client, {**fields, "stream": True})


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await astream(client, fields)]


INTERACTION = Row(
    name="google_genai.interactions",
    sdk="google_genai",
    provider="gcp.gemini",
    operation="generate_content",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields={
        "model": "fake-model",
        "input": QUESTION,
        "system_instruction": SYSTEM,
        "previous_interaction_id": "reply_0",
        "generation_config": {
            "temperature": 0.5,
            "top_p": 0.9,
            "max_output_tokens": 64,
            "stop_sequences": ["END"],
            "seed": 7,
            "thinking_level": "low",
        },
        "tools": [
            {
                "type": "function",
                "name": "get_weather",
                "description": "Current weather",
                "parameters": PARAMETERS,
            }
        ],
    },
    asked={
        "gen_ai.request.previous_response.id": "reply_0",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
        "gen_ai.input.messages": [USER_MESSAGE],
        "gen_ai.tool.definitions": [TOOL_DEFINITION],
    },
    answered=answered,
    ways=(
        Way("call", create),
        Way("acall", acreate, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
        Way("thoughtful", create, reply=Reply(thinking="Hm.")),
        Way("thoughtful_stream", drained, streams=True, reply=Reply(thinking="Hm.")),
    ),
    stream=stream,
    astream=astream,
    wraps=True,
)
AGENT = replace(
    INTERACTION,
    name="google_genai.interactions_of_an_agent",
    operation="invoke_agent",
    fields={"agent": "deep-research", "input": [{"type": "text", "text": QUESTION}]},
    asked={"gen_ai.agent.name": "deep-research", "gen_ai.input.messages": [USER_MESSAGE]},
    model="",
    ways=(Way("call", create), Way("spoken", create, reply=PAINTED)),
    stream=None,
    astream=None,
)
STEPS = replace(
    INTERACTION,
    name="google_genai.interactions_in_steps",
    fields={
        "model": "fake-model",
        "store": False,
        "input": [
            {"type": "user_input", "content": [{"type": "text", "text": QUESTION}]},
            {"type": "function_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}},
            {"type": "function_result", "call_id": "call_1", "result": {"sky": "clear"}},
        ],
    },
    asked={
        "gen_ai.input.messages": [
            USER_MESSAGE,
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "name": "get_weather", "arguments": {"city": "Paris"}, "id": "call_1"}],
            },
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "response": {"sky": "clear"}, "id": "call_1"}],
            },
        ]
    },
    ways=(Way("call", create),),
    stream=None,
    astream=None,
)


def fetch(client: Any, fields: Fields) -> Any:
    return client.interactions.get(**fields)


def afetch(client: Any, fields: Fields) -> Any:
    return client.aio.interactions.get(**fields)


def fetch_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.interactions.get(**fields, stream=True))


async def afetch_drained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client.aio.interactions.get(**fields, stream=True)]


FETCH = replace(
    INTERACTION,
    name="google_genai.interactions_fetched",
    operation="fetch_response",
    fields={"id": "reply_1"},
    asked={},
    answered=lambda reply, streamed: {
        "gen_ai.response.id": "reply_1",
        "gen_ai.response.model": "stored-model",
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": output_messages(reply, reply.reason),
    },
    model="",
    ways=(
        Way("call", fetch),
        Way("acall", afetch, is_async=True),
        Way("stream", fetch_drained, streams=True),
        Way("astream", afetch_drained, streams=True, is_async=True),
    ),
    stream=None,
    astream=None,
)
RESUME = replace(
    FETCH,
    name="google_genai.interactions_resumed",
    fields={"id": "reply_1", "last_event_id": "event_1"},
    asked={"gen_ai.request.stream_cursor": "event_1"},
    ways=(Way("stream", fetch_drained, streams=True),),
)
ROWS = (INTERACTION, AGENT, STEPS, FETCH, RESUME)
