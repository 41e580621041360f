"""What a fake model says, in no provider's words: each wire renders the same `Reply` in its own protocol.

So one scenario ("a tool call, streamed, cut after three events") runs against every SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Edit = Callable[[Any], Any]


@dataclass(frozen=True)
class ToolCall:
    name: str = "get_weather"
    arguments: dict[str, Any] = field(default_factory=lambda: {"city": "Paris"})
    id: str = "call_1"


@dataclass(frozen=True)
class Usage:
    """Tokens; `input` counts the cached ones too, `output` the reasoning ones, whatever the provider reports."""

    input: int = 118
    output: int = 8
    cached: int = 100
    cache_written: int = 7
    reasoning: int = 2
    input_by: Mapping[str, int] = field(default_factory=dict)
    """How much of the input was text, image and audio, where a provider tells."""
    output_by: Mapping[str, int] = field(default_factory=dict)
    cached_by: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """A model's answer and the way it travels."""

    text: str = "Hello, world. How are you?"
    tool_calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    finish: str = ""
    """OpenAI's word: stop, length, tool_calls or content_filter; empty: what follows from the content."""
    usage: Usage | None = field(default_factory=Usage)
    model: str = ""
    """The model that answers; empty: the one that was asked for."""
    id: str = "reply_1"
    compacted: bool = False
    """The provider put a summary in the place of what was said before."""
    vector: tuple[float, ...] = (0.25, -0.5, 1.0)
    documents: int = 2

    pause: float = 0.0
    """Seconds before each event of a stream."""
    cut_after: int | None = None
    """The connection drops after so many events of a stream."""
    error_after: int | None = None
    """After so many events the provider's own error event follows, and nothing more."""
    held_after: int | None = None
    """After so many events the stream waits until the test calls `Provider.release()`."""
    edit: Edit | None = None
    """Changes the JSON value of the body, or of each event of a stream, just before it is sent."""

    @property
    def reason(self) -> str:
        return self.finish or ("tool_calls" if self.tool_calls else "stop")

    @property
    def pieces(self) -> list[str]:
        """The text as a model streams it: word by word."""
        return pieces(self.text)


@dataclass(frozen=True)
class Fault:
    """An HTTP error in the words of whichever provider was asked."""

    status: int
    message: str = "injected fault"
    headers: tuple[tuple[str, str], ...] = (("retry-after", "0"), ("retry-after-ms", "1"))


@dataclass(frozen=True)
class Hangup:
    """The connection is closed where an answer should begin."""


@dataclass(frozen=True)
class Silence:
    """No answer until the test calls `Provider.release()`."""


@dataclass(frozen=True)
class Raw:
    """These very bytes."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


Step = Reply | Fault | Hangup | Silence | Raw


def pieces(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)
