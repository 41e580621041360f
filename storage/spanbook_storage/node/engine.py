"""chDB as threads that each run one statement at a time, every statement on a handle of its own.

After a statement fails part-way, the next one on the same handle can return rows of the failed one, and settings stay
on a handle. A new handle costs 0.3 ms, so none is used twice. Results leave the engine through a pipe
(`INTO OUTFILE '/proc/self/fd/N'`): any format, whole and well-formed, at the pace of whoever reads. Rows come in the
same way (`FROM INFILE`).
"""

import asyncio
import fcntl
import importlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from . import literals
from .config import NodeConfig, engine_xml
from .errors import NodeError, from_engine

PIPE_BYTES = 1 << 20
# The engine's allocator keeps what was freed for five seconds, and what idle threads freed for ever: up to 480 MB.
_ALLOCATOR = "background_thread:true,dirty_decay_ms:1000"

_KILL = """KILL QUERY WHERE query_id IN
    (SELECT query_id FROM system.processes WHERE Settings['log_comment'] = {mark:String}) ASYNC"""

log = logging.getLogger("spanbook.storage")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Stats:
    """What a statement did: the numbers of X-ClickHouse-Summary."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0


class Handle:
    """One chDB connection for one statement; used on its lane's thread alone."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def set(self, settings: Mapping[str, str]) -> None:
        """Apply settings, in their order: `readonly` last."""
        if settings:
            pairs = [f"{literals.identifier(name)} = {literals.string(value)}" for name, value in settings.items()]
            self._query(f"SET {', '.join(pairs)}")

    def use(self, database: str) -> None:
        """Make a database the one that unqualified names mean."""
        self._query(f"USE {literals.identifier(database)}")

    def run(self, sql: str, params: Mapping[str, str]) -> Stats:
        """Run a statement whose result, if any, goes elsewhere."""
        return _stats(self._query(sql, params))

    def result(self, sql: str, fmt: str, params: Mapping[str, str]) -> tuple[bytes, Stats]:
        """Run a statement with a small result, in a format unless it names its own."""
        answer = self._query(sql, params, fmt)
        return answer.bytes(), _stats(answer)

    def value(self, sql: str, params: Mapping[str, str]) -> str:
        """The result as raw text: for questions with small answers."""
        return str(self._query(sql, params, "TSVRaw").bytes().decode("utf-8", "replace"))

    def close(self) -> None:
        self._connection.close()

    def _query(self, sql: str, params: Mapping[str, str] | None = None, fmt: str = "Null") -> Any:
        result = _guarded(lambda: self._connection.query(sql, fmt, params=dict(params or {})))
        if result.has_error():
            raise from_engine(RuntimeError(result.error_message()))
        return result


class Lane:
    """One thread that talks to the engine, given a handle for the time of one statement."""

    def __init__(self, connect: Callable[[], Any], name: str) -> None:
        self._connect = connect
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self.handle: Handle

    async def do(self, work: Callable[[Handle], _T]) -> _T:
        """Run `work(handle)` on the thread; it is never abandoned half-way, not even when the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self.handle))

    async def open(self) -> None:
        def opened() -> None:
            self.handle = Handle(_guarded(self._connect))

        await asyncio.get_running_loop().run_in_executor(self._thread, opened)

    def close_soon(self) -> "asyncio.Future[None]":
        """Close the handle when the thread is through with what it does."""
        return asyncio.get_running_loop().run_in_executor(self._thread, lambda: self.handle.close())

    def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


class Lanes:
    """A bounded number of lanes, and a bounded number of statements that wait for one."""

    def __init__(self, connect: Callable[[], Any], count: int, waiting: int, name: str) -> None:
        self._all = [Lane(connect, f"{name}-{number}") for number in range(count)]
        self._free: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
        for lane in self._all:
            self._free.put_nowait(lane)
        self._waiting, self._limit = 0, waiting

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Lane]:
        """A lane with a fresh handle; raises NodeError 202 when too many wait already."""
        lane = await self._next()
        try:
            await lane.open()
        except BaseException:
            self._free.put_nowait(lane)
            raise
        try:
            yield lane
        finally:
            # The thread may still be busy with a statement whose client has left: the lane is free when it is through.
            lane.close_soon().add_done_callback(lambda closed: self._release(lane, closed))

    def stop(self) -> None:
        for lane in self._all:
            lane.stop()

    async def _next(self) -> Lane:
        if self._free.empty() and self._waiting >= self._limit:
            text = f"Too many simultaneous queries, {self._waiting} wait already"
            raise NodeError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text)
        self._waiting += 1
        try:
            return await self._free.get()
        finally:
            self._waiting -= 1

    def _release(self, lane: Lane, closed: "asyncio.Future[None]") -> None:
        if not closed.cancelled() and (error := closed.exception()):
            log.warning("a chDB handle did not close: %s", error)
        self._free.put_nowait(lane)


class Engine:
    """The chDB engine over one directory."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self.timezone = "UTC"
        self._connect = _connector(config)
        self.readers = Lanes(self._connect, config.readers, config.queued_readers, "reader")
        self.writers = Lanes(self._connect, config.writers, 1024, "writer")
        self._judges = Lanes(self._connect, 1, 1 << 20, "judge")
        self._keeper = Lane(self._connect, "keeper")

    async def start(self) -> None:
        """Open the directory and make the database; the keeper's handle holds the engine open while no other does."""
        await self._keeper.open()
        name = literals.identifier(self._config.database)
        await self._keeper.do(lambda handle: handle.run(f"CREATE DATABASE IF NOT EXISTS {name}", {}))
        self.timezone = await self._keeper.do(lambda handle: handle.value("SELECT timezone()", {}).strip())

    async def ask(self, work: Callable[[Handle], _T]) -> _T:
        """Run a short question of the front's own on a lane that no client's statement can hold up."""
        async with self._judges.lane() as lane:
            return await lane.do(work)

    async def kill(self, mark: str) -> None:
        """Stop the statements that carry this mark (`log_comment`)."""
        await self.ask(lambda handle: handle.run(_KILL, {"mark": literals.escaped(mark)}))

    async def stop(self) -> None:
        """Close the engine: parts are complete on disk at any time, so this is courtesy."""
        with suppress(NodeError):
            await self._keeper.do(lambda handle: handle.run("KILL QUERY WHERE query NOT LIKE 'KILL%' ASYNC", {}))
        for lanes in (self.readers, self.writers, self._judges):
            lanes.stop()
        await self._keeper.close_soon()
        self._keeper.stop()


class Results:
    """The end of a pipe from which a result is read.

    The descriptor is ours alone: uvloop's pipe transports close theirs a second time when they have gone, and by then
    the number may be one of the engine's.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    async def read(self) -> bytes:
        """What there is, up to a megabyte; nothing at the end."""
        while True:
            try:
                return os.read(self._descriptor, PIPE_BYTES)
            except BlockingIOError:
                await self._readable()

    async def _readable(self) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._descriptor)


@contextmanager
def pipe() -> Iterator[tuple[Results, int]]:
    """The end to read from, and the descriptor to write to, which the writer closes."""
    read_end, write_end = os.pipe()
    with suppress(OSError):
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        yield Results(read_end), write_end
    finally:
        os.close(read_end)


@contextmanager
def held_rows() -> Iterator[tuple[int, BinaryIO]]:
    """A file in memory for the rows of an insert: its descriptor, and where to write them.

    They come from our own writer, whose batches are small. chDB's streaming insert, which would need no file, says
    nothing of what fails after parsing: a view, a limit, a full disk.
    """
    descriptor = os.memfd_create("rows")
    with open(descriptor, "wb", buffering=0) as rows:
        yield descriptor, rows


def infile(descriptor: int) -> str:
    """The clause that makes an INSERT read its rows from a descriptor of this process."""
    return f"FROM INFILE '/proc/self/fd/{descriptor}'"


def outfile(descriptor: int) -> str:
    """The clause that makes a statement write its result to a descriptor of this process."""
    return f" INTO OUTFILE '/proc/self/fd/{descriptor}' TRUNCATE"


def _connector(config: NodeConfig) -> Callable[[], Any]:
    (config.data / "tmp").mkdir(parents=True, exist_ok=True)
    path = config.data / "engine.xml"
    path.write_text(engine_xml(config))
    address = f"{config.data / 'store'}?config-file={path}"
    os.environ.setdefault("JE_MALLOC_CONF", _ALLOCATOR)

    def connect() -> Any:
        # half a second and 230 MB: not for whoever only wants to know what a node is
        chdb: Any = importlib.import_module("chdb._chdb")
        return chdb.connect(address)

    return connect


def _guarded(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RuntimeError as error:
        raise from_engine(error) from error


def _stats(result: Any) -> Stats:
    return Stats(
        read_rows=result.storage_rows_read() or result.rows_read(),
        read_bytes=result.storage_bytes_read() or result.bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )
