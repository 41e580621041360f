"""mistralai: agents that live at Mistral, and what its first row does not ask for."""

from __future__ import annotations

import dataclasses
from typing import Any

from scenarios import openai_shaped as shape
from scenarios.mistralai import CHAT, EMBED, Connection, chat, open_client
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
MORE = dataclasses.replace(
    CHAT,
    name="mistralai.chat_more",
    fields={**shape.MORE, "top_k": 40},
    asked={**shape.ASKED_MORE, "gen_ai.request.top_k": 40},
    answered=shape.answered_twice,
    ways=(Way("call", chat),),
    stream=None,
    astream=None,
)
EMBED_MORE = dataclasses.replace(
    EMBED,
    name="mistralai.embeddings_more",
    fields={"model": "fake-model", "inputs": ["a"], "encoding_format": "float", "output_dimension": 3},
    asked={"gen_ai.request.encoding_formats": ("float",)},
)
ROWS = (COMPLETE, MORE, EMBED_MORE)
