"""MCP before 2.0: what its sessions send and what they answer. It traced nothing itself.

The context of a request travels in `_meta` of its parameters, as 2.x has it. It is put there when the request is
turned into JSON: the application's own object stays as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.context import Context, get_current

from . import _mcp_requests as requests
from . import _suppression
from ._fields import field, fields, text
from ._guard import harmless
from ._mcp_connections import connection_of
from ._sdk import Patch, Sdk, wrapped_by

_SESSION = "mcp.shared.session"
_INITIALIZE = "initialize"

_versions: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # what a session and its peer agreed on
_answers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # what a request was answered with


def _sending(sdk: Sdk, original: Any) -> Any:
    """Give every request that leaves a span, whichever side it leaves."""

    async def around(wrapped: Any, session: Any, args: Any, kwargs: Any) -> Any:
        asked = dict(zip(("request", "result_type"), args, strict=False)) | kwargs
        request = harmless(_sent, session, asked.get("request")) if _traced(sdk) else None
        if request is None:
            return await wrapped(*args, **kwargs)
        if args:
            args = (_Carrying(args[0]), *args[1:])
        else:
            kwargs["request"] = _Carrying(kwargs["request"])
        result = await requests.within(request, lambda: wrapped(*args, **kwargs))
        harmless(_agree, session, result)
        return result

    return wrapped_by(original, around)


def _serving(sdk: Sdk, original: Any) -> Any:
    """Give every request that a server's handlers, or a client, are asked for a span, below the one that sent it."""

    async def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        responder = next(iter((*args, *kwargs.values())))
        return await _served(sdk, responder, lambda: wrapped(*args, **kwargs))

    return wrapped_by(original, around)


def _noticing(sdk: Sdk, original: Any) -> Any:
    """Give every notification that reaches a server a span."""

    async def around(wrapped: Any, server: Any, args: Any, kwargs: Any) -> Any:
        given = dict(zip(("message", "session"), args, strict=False)) | kwargs
        notice = harmless(_noticed, given.get("message"), given.get("session")) if _traced(sdk) else None
        if notice is None:
            return await wrapped(*args, **kwargs)
        return await requests.within(notice, lambda: wrapped(*args, **kwargs))

    return wrapped_by(original, around)


def _greeting(sdk: Sdk, original: Any) -> Any:
    """Give the first request of a session a span: the server's session answers it, no handler."""

    async def around(wrapped: Any, session: Any, args: Any, kwargs: Any) -> Any:
        responder = next(iter((*args, *kwargs.values())))
        if field(field(responder.request, "root"), "method") != _INITIALIZE:
            return await wrapped(*args, **kwargs)
        return await _served(sdk, responder, lambda: wrapped(*args, **kwargs))

    return wrapped_by(original, around)


def _answering(sdk: Sdk, original: Any) -> Any:
    """Note what a request is answered with."""

    async def around(wrapped: Any, responder: Any, args: Any, kwargs: Any) -> Any:
        if _traced(sdk):
            harmless(_answers.__setitem__, responder, args[0] if args else kwargs["response"])
        return await wrapped(*args, **kwargs)

    return wrapped_by(original, around)


PATCHES = (
    Patch(_SESSION, "BaseSession.send_request", _sending),
    Patch(_SESSION, "RequestResponder.respond", _answering),
    Patch("mcp.client.session", "ClientSession._received_request", _serving, optional=True),
    Patch("mcp.server.session", "ServerSession._received_request", _greeting, optional=True),
    Patch("mcp.server.lowlevel.server", "Server._handle_request", _serving, optional=True),
    Patch("mcp.server.lowlevel.server", "Server._handle_message", _noticing, optional=True),
)
"""Optional is what 2.x has not; it has no module of the others."""


def _traced(sdk: Sdk) -> bool:
    return sdk.enabled and not _suppression.suppressed(get_current())


async def _served(sdk: Sdk, responder: Any, proceed: Callable[[], Awaitable[Any]]) -> Any:
    request = harmless(_received, responder) if _traced(sdk) else None
    if request is None:
        return await proceed()
    return await requests.within(request, proceed, lambda result: _answered(request, responder))


def _sent(session: Any, request: Any) -> requests.Request:
    asked = field(request, "root")
    opened = requests.sent(asked.method, field(asked, "params"), _versions.get(session), connection_of(session))
    opened.numbered(session._request_id)
    return opened


def _received(responder: Any) -> requests.Request:
    from opentelemetry import propagate

    asked = field(responder.request, "root")
    http = field(field(responder, "message_metadata"), "request_context")
    version = _versions.get(responder._session) or (http and http.headers.get(requests.VERSION_HEADER))
    return requests.received(
        asked.method,
        field(asked, "params"),
        number=responder.request_id,
        version=text(version),
        meta=fields(responder.request_meta),
        http=http,
        connection=connection_of(responder._session),
        # A session lives in the context of the HTTP request that began it, which is over.
        otherwise=None if http is None else propagate.extract(http.headers, Context()),
    )


def _noticed(message: Any, session: Any) -> requests.Request | None:
    notice = field(message, "root")
    method = text(field(notice, "method")) or ""
    if not method.startswith("notifications/"):
        return None
    params = field(notice, "params")
    return requests.received(
        method,
        params,
        number=None,
        version=_versions.get(session),
        meta=fields(field(params, "meta")),
        http=None,
        otherwise=Context(),  # not the session's, as above
    )


def _answered(request: requests.Request, responder: Any) -> None:
    answer = _answers.pop(responder, None)
    if answer is None and responder.cancelled:
        from asyncio import CancelledError  # here and not above: an application may never want asyncio

        request.fail(CancelledError("Request cancelled"))
    elif (code := field(answer, "code")) is not None:
        request.refuse(code, text(field(answer, "message")))
    else:
        result = field(answer, "root")
        _agree(responder._session, result)
        request.finish(result)


def _agree(session: Any, result: Any) -> None:
    if version := text(field(result, "protocolVersion")):
        _versions[session] = version


class _Carrying:
    """A request that is sent with the current context in its `_meta`."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    # The SDK names its class in errors.
    __class__ = property(lambda self: type(self._request))  # pyright: ignore

    def model_dump(self, *args: Any, **kwargs: Any) -> Any:
        dumped = self._request.model_dump(*args, **kwargs)
        harmless(_add_context, dumped)
        return dumped


def _add_context(request: dict[str, Any]) -> None:
    from opentelemetry import propagate

    context: dict[str, str] = {}
    propagate.inject(context)
    if context:
        request.setdefault("params", {}).setdefault("_meta", {}).update(context)
