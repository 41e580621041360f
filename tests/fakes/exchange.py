"""A request as it came, an answer as it will go: what the server and the wires have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from fakes.replies import Fault, Reply


@dataclass(frozen=True)
class Request:
    """One request to the byte."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def model(self) -> str:
        """The model asked for: in the body, in the path, or in a multipart field."""
        if isinstance(named := self.json.get("model"), str):
            return named
        if found := re.search(r"/(?:models?|deployments)/([^/:]+)[/:]", self.path):
            return unquote(found.group(1))
        field = re.search(rb'name="model"\r\n\r\n([^\r]*)\r\n', self.body)
        return field.group(1).decode() if field else ""


@dataclass(frozen=True)
class Body:
    """A whole answer: JSON of `value`, or `value` itself when it is bytes."""

    value: Any
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self) -> bytes:
        return self.value if isinstance(self.value, bytes) else json.dumps(self.value).encode()


@dataclass(frozen=True)
class Stream:
    """A streamed answer: its events, and how one of them becomes bytes."""

    events: Sequence[Any]
    encode: Callable[[Any], bytes]
    content_type: str = "text/event-stream"


@dataclass(frozen=True)
class Asked:
    """What a request asks for, in no provider's words: enough for a fake model to answer sensibly."""

    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Name and JSON schema of the parameters."""
    answered: bool = False
    """The last message is a tool's result."""
    schema: dict[str, Any] | None = None
    """JSON schema that the answer must follow."""


@dataclass(frozen=True)
class Wire:
    """One endpoint of one provider: how a reply is said there, and a fault."""

    name: str
    path: re.Pattern[str]
    render: Callable[[Request, Reply], Body | Stream]
    error: Callable[[Fault], Body]
    stream_error: Any = None
    read: Callable[[Request], Asked] = lambda request: Asked()


def sse(event: Any) -> bytes:
    """A server-sent event without a name; text goes as it is (`[DONE]`)."""
    return f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()


def named_sse(event: Any) -> bytes:
    """A server-sent event named after the `type` of its value."""
    name = event.get("type", "") if isinstance(event, dict) else ""
    return f"event: {name}\n".encode() + sse(event)


def ndjson(event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"
