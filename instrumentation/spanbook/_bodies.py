"""Bodies that an application reads as bytes, in its own time and its own pieces."""

from __future__ import annotations

import json
from typing import Any

import wrapt

from ._call import Call

_MOST_BYTES = 4 << 20  # of a body that is read a second time


class Tee(wrapt.ObjectProxy):  # type: ignore[type-arg] # a generic one since wrapt 2.1
    """The connection below a body, which remembers what the application reads of it."""

    def __init__(self, stream: Any, call: Call, length: int | None) -> None:
        super().__init__(stream)
        self._self_call = call
        self._self_length = length
        self._self_pieces: list[bytes] = []
        self._self_size = 0

    def read(self, amt: int | None = None, *args: Any, **kwargs: Any) -> Any:
        try:
            piece = self.__wrapped__.read(amt, *args, **kwargs)
        except BaseException as error:
            self._self_call.fail(error)
            raise
        if amt != 0:
            self._self_keep(piece, amt is None or amt < 0)
        return piece

    def readinto(self, buffer: Any) -> Any:
        try:
            count = self.__wrapped__.readinto(buffer)
        except BaseException as error:
            self._self_call.fail(error)
            raise
        self._self_keep(bytes(memoryview(buffer)[:count]), False)
        return count

    def close(self) -> Any:
        try:
            return self.__wrapped__.close()
        finally:
            self._self_call.finish(abandoned=True)

    def _self_keep(self, piece: bytes, whole: bool) -> None:
        self._self_size += len(piece)
        if self._self_size <= _MOST_BYTES:
            self._self_pieces.append(piece)
        if whole or not piece or self._self_size == self._self_length:
            self._self_call.finish(_decoded(b"".join(self._self_pieces)))


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
