"""Responses that the application asked for raw: read when they are here, or while the application reads them.

Nothing is read that the application does not read itself, and the response object stays the SDK's own: its `iter_bytes`
and `close` are replaced on the instance until it is closed.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ._call import Call

_MOST_BYTES = 4 << 20  # that are kept to be read a second time
_METHODS = ("iter_bytes", "aiter_bytes", "close", "aclose")


def read_raw(call: Call, response: Any) -> None:
    """End *call* with what an HTTP *response* says, now or when the application is done with it."""
    content_type = response.headers.get("content-type", "")
    if response.is_closed or hasattr(response, "_content"):
        call.finish(_decoded(content_type, response.content, call))
        return
    overheard = _Overheard(call, response, content_type)
    for method in _METHODS:
        setattr(response, method, getattr(overheard, method))


def events(body: bytes) -> Iterator[Any]:
    """Yield the objects that server-sent events carry, but for one that is cut off in the middle."""
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
        if data.startswith(b"{") and (chunk := _json(data)) is not None:
            yield chunk


class _Overheard:
    """Takes the place of some methods of a response, and keeps what passes through."""

    def __init__(self, call: Call, response: Any, content_type: str) -> None:
        self._call = call
        self._content_type = content_type
        self._streamed = "event-stream" in content_type
        self._readable = self._streamed or "json" in content_type
        self._pieces: list[bytes] = []
        self._size = 0
        self._pulling = False
        self._kind = type(response)
        self._response = weakref.ref(response)

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self._pulling = True
        try:
            for piece in self._kind.iter_bytes(self._response(), chunk_size):
                self._keep(piece)
                yield piece
                self._pulling = True
        except BaseException as error:
            self._broken(error)
            raise
        self._call.finish(self._read())

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        self._pulling = True
        try:
            async for piece in self._kind.aiter_bytes(self._response(), chunk_size):
                self._keep(piece)
                yield piece
                self._pulling = True
        except BaseException as error:
            self._broken(error)
            raise
        self._call.finish(self._read())

    def close(self) -> None:
        self._kind.close(self._finished())

    async def aclose(self) -> None:
        await self._kind.aclose(self._finished())

    def _keep(self, piece: bytes) -> None:
        self._pulling = False
        if self._streamed and not self._call.first_chunk:
            self._call.first_byte()
        self._size += len(piece)
        if self._readable and self._size <= _MOST_BYTES:
            self._pieces.append(piece)

    def _broken(self, error: BaseException) -> None:
        if self._call.active:
            self._read()
            self._call.fail(error)

    def _finished(self) -> Any:
        response = self._response()
        for method in _METHODS:
            response.__dict__.pop(method, None)
        if not self._pulling:  # else it is at its end or broke, and who reads it knows better
            self._call.finish(self._read())
        return response

    def _read(self) -> Any:
        return _decoded(self._content_type, b"".join(self._pieces), self._call)


def _decoded(content_type: str, body: bytes, call: Call) -> Any:
    """Return the response object of a raw body; of server-sent events, put the chunks into *call*."""
    if "event-stream" in content_type:
        call.chunks.extend(events(body))
        return None
    return _json(body) if "json" in content_type else None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
