"""Streams, seen from what the SDK returned: the application keeps iterating the SDK's own object."""

from __future__ import annotations

import inspect
import weakref
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


def watch_within(stream: Any, attribute: str, chunks: Any, call: Call) -> None:
    """Let an SDK's own *stream* read watched *chunks* from its *attribute*; closing its response ends *call*."""
    watching = WatchedAsync(chunks, call) if hasattr(chunks, "__anext__") else watched(chunks, call)
    setattr(stream, attribute, watching)
    _when_closed(stream.response, call, weakref.ref(watching))


def _reading(iterator: Any) -> bool:
    """Tell whether *iterator* is just now waiting for the next chunk."""
    if isinstance(iterator, WatchedAsync):
        return iterator.pulling
    return iterator is not None and inspect.getgeneratorstate(iterator) == inspect.GEN_RUNNING


def _when_closed(response: Any, call: Call, iterator: weakref.ref[Any]) -> None:
    """End *call* when the response is closed from outside; helpers close it without telling their stream.

    Closed from within, the stream is at its end or broke, and its *iterator* knows better.
    """
    kind = type(response)
    # Weakly: responses refer to themselves, so what they hold lives until the garbage collector comes.
    this, held = weakref.ref(response), weakref.ref(call)

    def closed() -> Any:
        response = this()
        if response is not None:
            response.__dict__.pop("close", None)
            response.__dict__.pop("aclose", None)
        if not _reading(iterator()) and (call := held()) is not None:
            call.finish(abandoned=True)
        return response

    def close() -> None:
        if (response := closed()) is not None:
            kind.close(response)

    async def aclose() -> None:
        if (response := closed()) is not None:
            await kind.aclose(response)

    response.close = close
    response.aclose = aclose
