"""Bodies that come compressed: gzip, deflate, zstd and lz4, each in as many members as there are."""

import zlib
from collections.abc import Callable
from typing import Any

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from .errors import NodeError

_OPENERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16),
    "deflate": lambda: zlib.decompressobj(),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


class Decompressor:
    """Takes a body in pieces and gives what was in it."""

    def __init__(self, encoding: str) -> None:
        """Raises NodeError 89 for an encoding that is not spoken here."""
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", *_OPENERS):
            hint = f"hint: {', '.join(_OPENERS)} are"
            raise NodeError(89, "UNKNOWN_COMPRESSION_METHOD", f"bodies in `{encoding}` are not understood here\n{hint}")
        self._open = _OPENERS.get(self._encoding)
        self._member: Any = None

    def feed(self, piece: bytes) -> bytes:
        """What a piece holds, which may be nothing yet; raises NodeError 354 when it is broken."""
        if not self._open:
            return piece
        found = []
        while piece:
            if self._member is None or self._member.eof:
                self._member = self._open()
            try:
                found.append(self._member.decompress(piece))
            except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
                raise self._broken(str(error)) from error
            piece = self._member.unused_data or b"" if self._member.eof else b""
        return b"".join(found)

    def finish(self) -> None:
        """Say that this was all; raises NodeError 354 when the last member is not."""
        if self._member is not None and not self._member.eof:
            raise self._broken("it ends in the middle")

    def _broken(self, why: str) -> NodeError:
        return NodeError(354, "ZLIB_INFLATE_FAILED", f"the body is no {self._encoding}: {why}")
