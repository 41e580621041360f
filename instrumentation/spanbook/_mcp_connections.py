"""What MCP travels over, as the SDK's transports know it: whom a client's requests reach, and what is served by a pipe.

A session has two streams, and nothing on them says where they lead. So a connection is kept beside the stream that its
session writes to, for as long as a transport serves that. Over streamable HTTP the method that serves it is hooked,
which nobody can have imported before tracing began. Of the other transports there is only the function that opens them,
hooked where the SDK itself looks it up: what imported it by name before tracing began goes without.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import finalize

from opentelemetry.context import _RUNTIME_CONTEXT, Context, attach, get_current, set_value

from spanbook_schemas import gen_ai

from . import _fields
from ._guard import harmless
from ._hosts import server_at
from ._readers import Attributes
from ._sdk import Patch, Sdk, wrapped_by


@dataclass(frozen=True)
class Connection:
    """What requests travel over, and to whom."""

    network: Attributes = field(default_factory=dict)
    server: Attributes = field(default_factory=dict)
    transport: Any = None

    @property
    def session_id(self) -> str | None:
        """The id that an HTTP server gave the session in its answer to `initialize`; since 2026 there are none."""
        return _fields.text(_fields.field(self.transport, "session_id"))


UNKNOWN = Connection()
PIPE = Connection({gen_ai.NETWORK_TRANSPORT: "pipe"})
_HTTP: Attributes = {gen_ai.NETWORK_TRANSPORT: "tcp", gen_ai.NETWORK_PROTOCOL_NAME: "http"}
_PIPED = "spanbook-mcp-piped"  # in the context: what is served comes over stdio
_open: dict[int, tuple[Any, Connection]] = {}  # by the id of the stream, which stays alive with its entry


def connection_of(sender: Any) -> Connection:
    """Return what a session, or since 2.0 its dispatcher, sends over."""
    stream = _fields.field(sender, "_write_stream")
    return _open.get(id(stream), (stream, UNKNOWN))[1]


def served_over() -> Connection:
    """Return what a request comes over that is served here; over HTTP, its own request tells."""
    return PIPE if get_current().get(_PIPED) else UNKNOWN


def apart(context: Context) -> Context:
    """Return *context* for what serves a request: it may serve others itself, in this very process."""
    return set_value(_PIPED, False, context) if _PIPED in context else context


def _posting(sdk: Sdk, original: Any) -> Any:
    """Keep the connection of a streamable HTTP transport for as long as it posts what is written to its stream."""

    def around(wrapped: Any, transport: Any, args: Any, kwargs: Any) -> Any:
        posting = wrapped(*args, **kwargs)
        if sdk.enabled:  # now and not in its first step: the first request may be earlier
            harmless(_keep_while, posting, transport, args, kwargs)
        return posting

    return wrapped_by(original, around)


def _opening(connect: Callable[[Any], Connection]) -> Callable[[Sdk, Any], Any]:
    """Keep the connection that a function opens, to what its first argument names, until it is closed."""

    def make(sdk: Sdk, original: Any) -> Any:
        def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
            opened = wrapped(*args, **kwargs)
            connection = harmless(connect, args[0] if args else kwargs.get("url")) if sdk.enabled else None
            return opened if connection is None else _kept_within(opened, connection)

        return wrapped_by(original, around)

    return make


def _serving_stdio(sdk: Sdk, original: Any) -> Any:
    """Let what is served over stdio know it, by the context of the tasks that are begun meanwhile."""

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        opened = wrapped(*args, **kwargs)
        return _served_within(opened) if sdk.enabled else opened

    return wrapped_by(original, around)


def _to_process(parameters: Any) -> Connection:
    return PIPE


def _over_sse(url: Any) -> Connection:
    return Connection(_HTTP, server_at(url))


PATCHES = (
    Patch("mcp.client.streamable_http", "StreamableHTTPTransport.post_writer", _posting),
    Patch("mcp.client.stdio", "stdio_client", _opening(_to_process)),
    Patch("mcp", "stdio_client", _opening(_to_process), optional=True),  # the application may have an `mcp` of its own
    Patch("mcp.client.client", "stdio_client", _opening(_to_process)),
    Patch("mcp.client.sse", "sse_client", _opening(_over_sse)),
    Patch("mcp.client.session_group", "sse_client", _opening(_over_sse)),
    Patch("mcp.server.stdio", "stdio_server", _serving_stdio),
    Patch("mcp", "stdio_server", _serving_stdio, optional=True),
    Patch("mcp.server.mcpserver.server", "stdio_server", _serving_stdio),
    Patch("mcp.server.fastmcp.server", "stdio_server", _serving_stdio),
)


def _keep_while(posting: Any, transport: Any, args: Any, kwargs: Any) -> None:
    stream = kwargs["write_stream"] if "write_stream" in kwargs else args[3]
    # Not by a last step of the coroutine: one that is cancelled before its first step has none.
    finalize(posting, _open.pop, id(stream), None).atexit = False
    _open[id(stream)] = stream, Connection(_HTTP, server_at(transport.url), transport)


@asynccontextmanager
async def _kept_within(opened: Any, connection: Connection) -> AsyncIterator[Any]:
    async with opened as streams:
        written = _fields.items(streams)[1:2]
        _open.update({id(stream): (stream, connection) for stream in written})
        try:
            yield streams
        finally:
            for stream in written:
                _open.pop(id(stream), None)


@asynccontextmanager
async def _served_within(opened: Any) -> AsyncIterator[Any]:
    token = attach(set_value(_PIPED, True))
    try:
        async with opened as streams:
            yield streams
    finally:
        with suppress(ValueError, LookupError, RuntimeError):  # closed by another task
            _RUNTIME_CONTEXT.detach(token)
