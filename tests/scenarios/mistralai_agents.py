"""mistralai: agents that live at Mistral."""

from __future__ import annotations

from typing import Any

from scenarios import openai_shaped as shape
from scenarios.mistralai import Connection, open_client
from scenarios.row import Fields, Row, Way


def complete(client: Any, fields: Fields) -> Any:
    return client.agents.complete(**fields)


async def acomplete(client: Any, fields: Fields) -> Any:
    return await client.agents.complete_async(**fields)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.agents.stream(**fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client.agents.stream_async(**fields)]


ASKED = {name: value for name, value in shape.ASKED.items() if not name.endswith((".temperature", ".top_p"))}
"""The agent has its own."""

COMPLETE = Row(
    name="mistralai.agents",
    sdk="mistralai",
    provider="mistral_ai",
    operation="invoke_agent",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields={
        "agent_id": "agent-1",
        "messages": shape.MESSAGES,
        "tools": [shape.TOOL],
        "max_tokens": 64,
        "stop": ["END"],
        "random_seed": 7,
        "frequency_penalty": 0.25,
        "presence_penalty": -0.25,
        "response_format": {"type": "json_object"},
    },
    asked={
        "gen_ai.agent.id": "agent-1",
        "gen_ai.output.type": "json",
        **ASKED,
    },
    answered=shape.answered,
    ways=(
        Way("call", complete),
        Way("acall", acomplete, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
    ),
    model="",
)
ROWS = (COMPLETE,)
