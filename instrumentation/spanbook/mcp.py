"""MCP, client and server: a span for each request, joined across the wire by `_meta`.

Since 2.0 the SDK traces itself, always and to the global provider. Its spans are replaced by ours, which say what the
conventions ask for, carry arguments and results where content is captured, and add to the span of the agent's tool
call, when there is one, instead of repeating it. What it sends along in `_meta` stays its own work. Before 2.0 it did
none of that: `_mcp_sessions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import get_current, set_value

from spanbook_schemas import gen_ai

from . import _mcp_connections, _mcp_sessions, _suppression
from . import _mcp_requests as requests
from ._fields import field, text
from ._guard import harmless
from ._mcp_connections import connection_of
from ._sdk import Patch, Sdk, wrapped_by

_REQUEST = "spanbook-mcp-request"  # in the context: the request that is being sent


def _sending(sdk: Sdk, original: Any) -> Any:
    """Give every request that leaves a span."""

    async def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if not sdk.enabled or _suppression.suppressed(get_current()):
            return await wrapped(*args, **kwargs)
        asked = dict(zip(("method", "params", "opts"), args, strict=False)) | kwargs
        request = harmless(_sent, instance, asked["method"], asked.get("params"), asked.get("opts"))
        if request is None:
            return await wrapped(*args, **kwargs)
        request.call.context = set_value(_REQUEST, request, request.call.context)
        return await requests.within(request, lambda: wrapped(*args, **kwargs))

    return wrapped_by(original, around)


def _serving(sdk: Sdk, original: Any) -> Any:
    """Give every message that arrives a span, below the one that sent it."""

    async def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if not sdk.enabled:
            return await wrapped(*args, **kwargs)
        message, call_next = args
        request = None if _suppression.suppressed(get_current()) else harmless(_received, message)
        if request is None:
            return await call_next(message)
        return await requests.within(request, lambda: call_next(message))

    return wrapped_by(original, around)


def _silent(sdk: Sdk, original: Any) -> Any:
    """Replace the SDK's own span of a request that has one of ours, which learns the request's id from it."""

    @contextmanager
    def native(request: requests.Request, attributes: Any) -> Iterator[Any]:
        harmless(request.numbered, field(attributes, gen_ai.JSONRPC_REQUEST_ID))
        yield requests.NOTHING

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        request = get_current().get(_REQUEST)
        if isinstance(request, requests.Request):
            return native(request, kwargs.get("attributes"))
        return wrapped(*args, **kwargs)

    return wrapped_by(original, around)


def _sent(dispatcher: Any, method: str, params: Any, options: Any) -> requests.Request:
    version = field(field(params, "_meta"), requests.VERSION_META)
    version = version or field(field(options, "headers"), requests.VERSION_HEADER)
    return requests.sent(method, params, text(version), connection_of(dispatcher))


def _received(message: Any) -> requests.Request:
    return requests.received(
        message.method,
        message.params,
        number=message.request_id,
        version=text(message.protocol_version),
        meta=message.meta,
        http=field(message, "request"),
    )


_sdk = Sdk(
    provider="mcp",
    requires="mcp>=1.22",
    hooks=(
        Patch("mcp.shared.jsonrpc_dispatcher", "JSONRPCDispatcher.send_raw_request", _sending),
        Patch("mcp.shared.jsonrpc_dispatcher", "otel_span", _silent),
        Patch("mcp.shared.direct_dispatcher", "DirectDispatcher.send_raw_request", _sending),
        Patch("mcp.server._otel", "OpenTelemetryMiddleware.__call__", _serving),
        *_mcp_connections.PATCHES,
        *_mcp_sessions.PATCHES,
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
