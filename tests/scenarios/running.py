"""Making a row's calls: with and without autolog, and what of a result and a request can be compared."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from fakes.exchange import Request
from scenarios.row import Row, Way

VOLATILE = frozenset(
    {
        "authorization",
        "x-amz-date",
        "amz-sdk-invocation-id",
        "x-amzn-trace-id",
        "amz-sdk-request",
        "idempotency-key",
        "host",
        "connection",
    }
)
"""Headers that differ between two calls of the bare SDK."""
_OF_ONE_CALL = re.compile(
    r"(chatcmpl-)?[0-9a-f]{8}-[0-9a-f-]{27}|datetime\.datetime\([^)]*\)|'_response_ms': [0-9.e-]+"
)
"""What litellm makes up or measures, and puts into answers and (quoted, with its quotes escaped) into errors."""


def sdk_module(row: Row) -> Any:
    return importlib.import_module(f"spanbook.{row.sdk}")


@contextmanager
def logged(row: Row) -> Iterator[None]:
    """Autolog for a while."""
    module = sdk_module(row)
    module.autolog()
    try:
        yield
    finally:
        module.unlog()


async def take(way: Way, client: Any, row: Row) -> Any:
    """Call, and take all of the answer."""
    result = way.run(client, row.fields)
    return await result if inspect.isawaitable(result) else result


async def outcome(way: Way, client: Any, row: Row) -> Any:
    """What the application sees: a result, or an exception's type and words."""
    try:
        return shown(await take(way, client, row))
    except Exception as error:
        return type(error), _OF_ONE_CALL.sub("", str(error)), error.args and shown(error.args)


def shown(value: Any) -> Any:
    """A value in a form that two calls have in common; generators and bodies read once are not among them."""
    return _OF_ONE_CALL.sub("", repr(value))


def sent(request: Request) -> tuple[Any, ...]:
    """A request without what differs between two calls of the bare SDK."""
    headers = [(name.lower(), value) for name, value in request.headers if name.lower() not in VOLATILE]
    boundary = re.search(r"boundary=([^;]+)", request.header("content-type") or "")
    if boundary is None:
        return request.method, request.target, headers, request.body
    fixed = [(name, value.replace(boundary[1], "boundary")) for name, value in headers]
    return request.method, request.target, fixed, request.body.replace(boundary[1].encode(), b"boundary")


async def chunks_of(stream: Any) -> AsyncIterator[Any]:
    """Iterate a stream of either kind."""
    if hasattr(stream, "__anext__") or hasattr(stream, "__aiter__"):
        async for chunk in stream:
            yield chunk
    else:
        for chunk in stream:
            yield chunk


async def closed(client: Any) -> None:
    for name in ("aclose", "close"):
        if callable(close := getattr(client, name, None)):
            result = close()
            if inspect.isawaitable(result):
                await result
            return
