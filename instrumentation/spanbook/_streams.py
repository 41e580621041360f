"""Streams, seen from what the SDK returned: the application keeps iterating the SDK's own object."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

from ._call import Call


def watched(chunks: Iterator[Any], call: Call) -> Generator[Any, Any, Any]:
    """Yield *chunks* on, keeping them for *call*, which ends with them."""
    keep: Callable[[Any], None] = call.chunk
    append = call.chunks.append if call.chunk_times is None else keep  # only the first chunk is timed
    try:
        for chunk in chunks:
            keep(chunk)
            keep = append
            yield chunk
    except BaseException as error:
        if isinstance(error, GeneratorExit) and (close := getattr(chunks, "close", None)):
            close()
        call.fail(error)
        raise
    call.finish()


async def watched_async(chunks: AsyncIterator[Any], call: Call) -> AsyncGenerator[Any, Any]:
    """Yield *chunks* on, keeping them for *call*; for SDKs whose streams are async generators."""
    try:
        async for chunk in chunks:
            call.chunk(chunk)
            yield chunk
    except BaseException as error:
        if isinstance(error, GeneratorExit) and (close := getattr(chunks, "aclose", None)):
            await close()
        call.fail(error)
        raise
    call.finish()


def begun_late(begin: Callable[[], Call | None], chunks: Iterator[Any]) -> Generator[Any, Any, Any]:
    """Stand in for a generator: its call begins when somebody asks for the first chunk, and not before."""
    call = begin()
    yield from chunks if call is None else watched(opening(chunks, call), call)


async def begun_late_async(begin: Callable[[], Call | None], chunks: AsyncIterator[Any]) -> AsyncGenerator[Any, Any]:
    """Stand in for an asynchronous generator."""
    call = begin()
    watching = chunks if call is None else watched_async(opening_async(chunks, call), call)
    try:
        async for chunk in watching:
            yield chunk
    finally:
        await watching.aclose()  # type: ignore[attr-defined]


def opening(chunks: Iterator[Any], call: Call) -> Iterator[Any]:
    """Make *call* current while the first chunk is fetched: that is when many generators send their request."""
    call.attach()
    try:
        first = next(chunks)
    except StopIteration:
        return
    finally:
        call.detach()
    yield first
    yield from chunks


async def opening_async(chunks: AsyncIterator[Any], call: Call) -> AsyncGenerator[Any, Any]:
    """Make *call* current while the first chunk is fetched."""
    call.attach()
    try:
        first = await anext(chunks)
    except StopAsyncIteration:
        return
    finally:
        call.detach()
    try:
        yield first
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]


class WatchedAsync:
    """An async iterator that keeps what it hands on.

    Not an async generator: a dropped one is finished later by its event loop, which may be gone.
    """

    __slots__ = ("__weakref__", "_call", "_chunks", "_next", "pulling")

    def __init__(self, chunks: AsyncIterator[Any], call: Call) -> None:
        self._chunks = chunks
        self._next = chunks.__anext__
        self._call = call
        self.pulling = False

    def __aiter__(self) -> WatchedAsync:
        return self

    async def __anext__(self) -> Any:
        self.pulling = True
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            self._call.finish()
            raise
        except BaseException as error:
            self._call.fail(error)
            raise
        finally:
            self.pulling = False
        self._call.chunk(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the SDK's iterator and end the call."""
        if close := getattr(self._chunks, "aclose", None):
            await close()
        self._call.finish(abandoned=True)
