"""A row of the scenario table: how one SDK makes one kind of call, and what its span must say of it.

A row knows nothing of tests and a scenario nothing of SDKs. What the model says is a `Reply`, in no provider's words;
from it and from the row follows the whole span.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from fakes.replies import Reply, ToolCall

Fields = Mapping[str, Any]
Run = Callable[[Any, Fields], Any]
"""A client and what is asked -> what came back, or a coroutine of it."""


class Open(Protocol):
    """Makes a client for the fake provider at *url* that does not retry unless it is told to."""

    def __call__(self, url: str, *, retries: int = 0, timeout: float = 20.0) -> Any: ...


@dataclass(frozen=True)
class Way:
    """One way to make the call and to take all of its answer."""

    name: str
    run: Run
    streams: bool = False
    is_async: bool = False
    only_text: bool = False
    """A way that has no use for tool calls, such as structured output."""
    reply: Reply = field(default_factory=Reply)
    """What the model says when the scenario does not care."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Row:
    name: str
    sdk: str
    """Module of Spanbook: `spanbook.<sdk>`."""
    provider: str
    operation: str
    open: Open
    open_async: Open | None
    fields: Fields
    asked: Fields
    """The attributes that `fields` become; content as values, not as JSON text."""
    answered: Callable[[Reply, bool], dict[str, Any]]
    """The attributes that a reply becomes; the second argument tells whether it was streamed."""
    ways: tuple[Way, ...]
    stream: Run | None = None
    """Opens a stream and takes nothing of it: an iterator, of chunks."""
    astream: Run | None = None
    """Gives a coroutine of an asynchronous iterator, or the iterator."""
    connection: Callable[[Any], Any] = lambda client: client
    """What of a client can be closed."""
    retries: bool = True
    """The SDK tries again by itself."""
    retrying: Fields = field(default_factory=dict)
    """What a call says so that it is tried again twice, where its client does not."""
    retried_by: str = ""
    """The SDK that does it for this one, and tells of it where it is traced as well."""
    tools: bool = True
    timeouts: bool = True
    wraps: bool = False
    """The SDK puts an error of another layer, which its calls never see, round what breaks a stream."""
    raises: bool = True
    """A stream that breaks raises; else its last event says so."""
    model: str = "fake-model"
    """Empty: the caller does not know it, as with a server of one model."""

    def __str__(self) -> str:
        return self.name


def output_messages(reply: Reply, finish: str | None = None, *, ids: bool = True) -> list[dict[str, Any]]:
    """The conventions' `gen_ai.output.messages` of a reply."""
    parts: list[dict[str, Any]] = []
    if reply.thinking:
        parts.append({"type": "reasoning", "content": reply.thinking})
    if reply.text and not reply.tool_calls:
        parts.append({"type": "text", "content": reply.text})
    parts += [tool_call_part(call, ids=ids) for call in reply.tool_calls]
    return [{"role": "assistant", "parts": parts, "finish_reason": finish or FINISH[reply.reason]}]


def tool_call_part(call: ToolCall, *, ids: bool = True) -> dict[str, Any]:
    part = {"type": "tool_call", "name": call.name, "arguments": call.arguments}
    return {**part, "id": call.id} if ids else part


FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_call", "content_filter": "content_filter"}
"""The conventions' words inside of messages, by OpenAI's."""

QUESTION = "What is the weather in Paris?"
SYSTEM = "Be brief."
USER_MESSAGE = {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
SYSTEM_MESSAGE = {"role": "system", "parts": [{"type": "text", "content": SYSTEM}]}
SYSTEM_INSTRUCTIONS = [{"type": "text", "content": SYSTEM}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL_DEFINITION = {
    "type": "function",
    "name": "get_weather",
    "description": "Current weather",
    "parameters": PARAMETERS,
}
