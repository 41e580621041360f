"""mistralai: conversations that are kept at Mistral, with a model or with an agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from fakes.wires.mistral import CONVERSATION
from scenarios import openai_shaped as shape
from scenarios.mistralai import Connection, open_client
from scenarios.row import QUESTION, SYSTEM, SYSTEM_INSTRUCTIONS, TOOL_DEFINITION, USER_MESSAGE, Fields, Row, Way
from scenarios.row import output_messages as messages


def calling(method: str) -> Callable[[Any, Fields], Any]:
    return lambda client, fields: getattr(client.beta.conversations, method)(**fields)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.beta.conversations.start_stream(**fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client.beta.conversations.start_stream_async(**fields)]


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    """Why an answer ended is not told; what said a text is, and what called a tool is not."""
    (said,) = messages(reply)
    del said["finish_reason"]
    told: dict[str, Any] = {
        "gen_ai.conversation.id": CONVERSATION,
        "gen_ai.output.messages": [said],
    }
    if not reply.tool_calls:
        told["gen_ai.response.model"] = "fake-model"
    if reply.usage:
        told["gen_ai.usage.input_tokens"] = reply.usage.input
        told["gen_ai.usage.output_tokens"] = reply.usage.output
    return told


START = Row(
    name="mistralai.conversations",
    sdk="mistralai",
    provider="mistral_ai",
    operation="chat",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields={
        "model": "fake-model",
        "inputs": QUESTION,
        "instructions": SYSTEM,
        "tools": [shape.TOOL],
        "completion_args": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 64, "stop": ["END"], "random_seed": 7},
    },
    asked={
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 7,
        "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
        "gen_ai.input.messages": [USER_MESSAGE],
        "gen_ai.tool.definitions": [TOOL_DEFINITION],
    },
    answered=answered,
    ways=(
        Way("call", calling("start")),
        Way("acall", calling("start_async"), is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
    ),
    stream=calling("start_stream"),
    astream=calling("start_stream_async"),
)
AGENT = replace(
    START,
    name="mistralai.conversations_of_an_agent",
    operation="invoke_agent",
    fields={"agent_id": "agent-1", "inputs": [{"type": "message.input", "role": "user", "content": QUESTION}]},
    asked={"gen_ai.agent.id": "agent-1", "gen_ai.input.messages": [USER_MESSAGE]},
    model="",
    ways=(Way("call", calling("start")),),
    stream=None,
    astream=None,
)
APPEND = replace(
    START,
    name="mistralai.conversations_go_on",
    fields={
        "conversation_id": CONVERSATION,
        "inputs": [{"type": "function.result", "tool_call_id": "call_1", "result": '{"sky":"clear"}'}],
    },
    asked={
        "gen_ai.input.messages": [
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "response": {"sky": "clear"}, "id": "call_1"}],
            }
        ]
    },
    model="",
    ways=(Way("call", calling("append")),),
    stream=None,
    astream=None,
)
RESTART = replace(
    APPEND,
    name="mistralai.conversations_begin_again",
    fields={"conversation_id": CONVERSATION, "from_entry_id": "msg_1", "inputs": QUESTION},
    asked={"gen_ai.input.messages": [USER_MESSAGE]},
    ways=(Way("call", calling("restart")),),
)
ROWS = (START, AGENT, APPEND, RESTART)
