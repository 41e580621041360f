"""Reading an HTTP request's body: no more bytes, no longer, and no further inflated than allowed.

A body is inflated in pieces after it has come, not as it comes: what a slow client makes us hold is then compressed,
and each piece's room is taken from the budget before the next one is made.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import zstandard

from spanbook_collector.receivers.answers import Reason, Refusal
from spanbook_collector.receivers.budget import Share

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

GRACE_SECONDS = 5.0  # before a body is expected to have come at a certain rate
ENCODINGS = ("gzip", "deflate", "zstd")
PIECE = 1024 * 1024  # bytes inflated between two looks at the limits
ZLIB_FEED = 64 * 1024
# One byte of zstd input can stand for 32 KiB, and its decoder knows no limit of output: 8 MiB for each feed at most.
ZSTD_FEED = 256
ZSTD_WINDOW = 8 * 1024 * 1024


class Disconnected(Exception):
    """The client went away before its body was complete."""


async def read_body(
    receive: Receive, announced: int | None, limit: int, seconds: float, rate: int, share: Share
) -> bytes:
    """Return the body as it was sent; `announced` is its content-length, unknown when it is chunked.

    It has to come within `seconds`, and at `rate` bytes a second on average.

    Raises Refusal (TOO_LARGE, TOO_SLOW, BUSY) and Disconnected.
    """
    if announced is not None and announced > limit:
        raise _too_large(limit)
    await share.grow_to(announced or 0)
    parts: list[bytes] = []
    size = 0
    try:
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(seconds) as time_left:
            while True:
                time_left.reschedule(began + min(seconds, GRACE_SECONDS + size / rate if rate else seconds))
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                parts.append(message["body"])
                size += len(message["body"])
                if size > limit:
                    raise _too_large(limit)
                await share.grow_to(size)
                if not message["more_body"]:
                    return b"".join(parts) if len(parts) > 1 else parts[0]
    except TimeoutError:
        raise Refusal(
            Reason.TOO_SLOW, f"the body did not come within {seconds:g} s, or slower than {rate} bytes a second"
        ) from None


async def inflate(body: bytes, encoding: str, limit: int, share: Share) -> bytes:
    """Return the body decompressed. Raises Refusal (BAD_DATA, TOO_LARGE, BUSY)."""
    held = len(body)
    parts: list[bytes] = []
    size = 0
    try:
        for piece in _pieces(body, encoding):
            parts.append(piece)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            await share.grow_to(held + size)
            if size > PIECE:
                await asyncio.sleep(0)  # others are served between two pieces
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise Refusal(Reason.BAD_DATA, f"the body is not valid {encoding}") from None
    share.shrink_to(size)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _pieces(body: bytes, encoding: str) -> Iterator[bytes]:
    if encoding == "zstd":
        return _zstd(body)
    return _zlib(body, _window_bits(body, encoding))


def _window_bits(body: bytes, encoding: str) -> int:
    if encoding == "gzip":
        return 16 + zlib.MAX_WBITS
    # `deflate` means zlib's format, but some clients send the bare one: the first two bytes tell.
    framed = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
    return zlib.MAX_WBITS if framed else -zlib.MAX_WBITS


def _zlib(body: bytes, window_bits: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(window_bits)
    for at in range(0, len(body), ZLIB_FEED):
        rest = body[at : at + ZLIB_FEED]
        while rest:
            if inflater.eof:  # gzip members may follow one another
                inflater = zlib.decompressobj(window_bits)
            yield inflater.decompress(rest, PIECE)
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    while not inflater.eof:
        piece = inflater.decompress(b"", PIECE)
        if not piece:
            raise EOFError
        yield piece


def _zstd(body: bytes) -> Iterator[bytes]:
    frames = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    inflater = frames.decompressobj()
    for at in range(0, len(body), ZSTD_FEED):
        rest = body[at : at + ZSTD_FEED]
        while rest:
            if inflater.eof:
                inflater = frames.decompressobj()
            yield inflater.decompress(rest)
            rest = inflater.unused_data if inflater.eof else b""
    if not inflater.eof:
        raise EOFError


def _too_large(limit: int) -> Refusal:
    return Refusal(Reason.TOO_LARGE, f"the request is larger than {limit} bytes; send smaller batches")
