"""ClickHouse's HTTP interface in front of the engine, as an ASGI application.

A result is held back until it is whole or passes a megabyte: so most answers carry their true status and numbers, and
the others stream in constant memory.
"""

import asyncio
import logging
import os
import re
import traceback
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass

from . import counts, literals
from .access import Caller, Door
from .answer import Answer
from .catalog import Catalog, Schema
from .config import NodeConfig
from .disk import Disk
from .engine import Engine, Handle, Lane, Results, Stats, held_rows, infile, outfile, pipe
from .errors import NodeError, access_denied, readonly
from .guard import Guard, Judged, Sight
from .inserts import InsertText, insert_of
from .limits import reader_settings
from .native import FIRST_REVISION, Pieces, Revised
from .request import ClientGone, Receive, Request, Scope, Send, body, parse_request, with_form

_HELD_BACK = 1 << 20
_HELD_BACK_WAITING = 16 << 20  # of a client that wants to hear the end first (wait_end_of_query)
_GRACE_SECONDS = 5
_KILL_SECONDS = 0.5  # between two attempts
_STATEMENT_BYTES = 1 << 18  # ClickHouse's max_query_size
_ENCODINGS = ("zstd", "lz4", "br", "gzip", "deflate")
_FORMAT = re.compile(r"\w+")
_KILLED = (
    "SELECT 'waiting' AS kill_status, {id:String} AS query_id, {user:String} AS user, '' AS query WHERE {found:Bool}"
)

# Formatting in parallel holds a result's blocks in memory for as long as its reader is slow.
_STREAMING = {"output_format_parallel_formatting": "0"}

# A condition that the engine moves ahead of the tenant's filter sees everybody's rows, and can fail with a text that
# quotes them: `toUInt64(input_preview)`. The guard refuses a PREWHERE of the reader's own.
_TENANT_FIRST = {"optimize_move_to_prewhere": "0", "query_plan_merge_filters": "0", "use_query_condition_cache": "0"}

log = logging.getLogger("spanbook.storage")


@dataclass(frozen=True)
class Running:
    """A statement that is at work, and the mark by which the engine finds it."""

    caller: Caller
    mark: str


class Front:
    """The ASGI application."""

    def __init__(self, config: NodeConfig, engine: Engine, catalog: Catalog, disk: Disk) -> None:
        self._config, self._engine, self._catalog, self._disk = config, engine, catalog, disk
        self._door = Door(config)
        self._guard = Guard(config, catalog.functions, catalog.table_functions)
        self._running: dict[str, Running] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = parse_request(scope)
        answer = Answer(request, send, self._engine.timezone)
        try:
            await self._serve(request, receive, answer)
        except ClientGone:
            log.debug("a client left")
        except NodeError as error:
            await answer.error(error)
        except Exception as error:
            # what an exception says can quote a statement, and so what people wrote: where it happened must do
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("a request failed: %s\n%s", type(error).__name__, where)
            await answer.error(NodeError(1002, "UNKNOWN_EXCEPTION", f"the node failed: {type(error).__name__}"))

    async def _serve(self, request: Request, receive: Receive, answer: Answer) -> None:
        caller = self._door.admit(request)
        answer.counts = caller.tenant is None
        if request.path in ("/ping", "/replicas_status") or (request.method == "GET" and "query" not in request.url):
            await answer.whole(b"Ok.\n", Stats())
            return
        if request.flag("compress") or request.flag("decompress"):
            hint = "hint: use HTTP compression, `enable_http_compression=1` and Accept-Encoding"
            raise NodeError(48, "NOT_IMPLEMENTED", f"native compression (`compress=1`) is not spoken here\n{hint}")
        async with aclosing(body(receive, request.headers.get("content-encoding", ""))) as pieces:
            request = await with_form(request, pieces)
            text, insert = await _statement(request, pieces)
            if insert and not (caller.writes and request.method == "POST"):
                raise readonly("readers cannot insert\nhint: send OTLP to the collector")
            if insert:
                stats = await self._insert(request, caller, insert, pieces)
                await self._disk.settle()
                await answer.whole(b"", stats)
                return
            lanes = self._engine.writers if caller.writes else self._engine.readers
            async with lanes.lane() as lane:
                await self._run(lane, request, caller, text, receive, answer)

    async def _insert(
        self, request: Request, caller: Caller, insert: InsertText, pieces: AsyncIterator[bytes]
    ) -> Stats:
        """Take all rows in before the engine sees the first: what is torn leaves nothing."""
        with held_rows() as (descriptor, rows):
            rows.write(insert.data)
            async for piece in pieces:
                rows.write(piece)
            sql = f"{insert.head} {infile(descriptor)} {insert.settings} FORMAT {insert.format}"

            def work(handle: Handle) -> Stats:
                handle.use(self._database(request, caller))
                handle.set(request.settings)
                return handle.run(sql, {})

            async with self._engine.writers.lane() as lane:
                working = asyncio.ensure_future(lane.do(work))
                try:
                    return await asyncio.shield(working)
                finally:
                    await asyncio.wait((working,))  # the engine may open the descriptor until then

    async def _run(
        self, lane: Lane, request: Request, caller: Caller, text: str, receive: Receive, answer: Answer
    ) -> None:
        running = Running(caller, uuid.uuid4().hex)
        schema = Schema() if caller.writes else await self._catalog.schema()
        judged = await lane.do(lambda handle: self._prepare(handle, text, request, running, schema))
        answer.format = _format(judged.format or request.format or "TabSeparated")
        if caller.tenant is not None and counts.tells_progress(answer.format):
            raise access_denied(f"format {answer.format} tells how many rows were read, others' among them")
        if judged.kills:
            return await self._kill(lane, judged.kills, caller, answer)
        self._running[request.query_id] = running
        try:
            if judged.streams:
                return await self._stream(lane, judged.sql, request, running, receive, answer)
            result, stats = await lane.do(lambda handle: handle.result(judged.sql, answer.format, request.params))
            if caller.writes:
                await self._disk.settle()
            return await answer.whole(result, stats)
        finally:
            self._running.pop(request.query_id, None)
            if judged.changes_tables:
                self._catalog.changed()

    def _prepare(self, handle: Handle, text: str, request: Request, running: Running, schema: Schema) -> Judged:
        """Judge a statement and make the handle ready for it; `readonly` comes last, since it closes the others."""
        caller = running.caller
        handle.use(self._database(request, caller))
        if caller.writes:
            judged = self._guard.shape(handle, text)
            settings = {**_STREAMING, **request.settings, **(judged.settings or {}), "log_comment": running.mark}
            if request.method == "GET":
                settings["readonly"] = "1"
        else:
            sight = Sight(caller.tenant is not None, schema.foreign_databases)
            judged = self._guard.judge(handle, text, request.params, sight)
            settings = reader_settings({**request.settings, **(judged.settings or {})}, self._config) | _STREAMING
            if sight.keyed:
                settings |= _TENANT_FIRST | counts.SETTINGS
            settings |= {
                "log_comment": running.mark,
                "additional_table_filters": self._catalog.filters(schema, caller.tenant),
            }
            # clients ask system.settings what they may send, and under 1 it answers: nothing
            settings["readonly"] = "2" if judged.only_settings else "1"
        handle.set(settings)
        return judged

    def _database(self, request: Request, caller: Caller) -> str:
        # clients name `default` when nobody told them a database; the engine's own is its file system
        if request.database in ("", "default"):
            return self._config.database
        if not (caller.writes or self._config.owns(request.database)):
            raise NodeError(81, "UNKNOWN_DATABASE", f"Database {request.database} is not served here")
        return request.database

    async def _kill(self, lane: Lane, query_id: str, caller: Caller, answer: Answer) -> None:
        """KILL QUERY of one's own statement; others' are not to be found."""
        victim = self._running.get(query_id)
        found = victim is not None and (caller.writes or victim.caller == caller)
        if victim and found:
            await self._engine.kill(victim.mark)
        params = {"id": literals.escaped(query_id), "user": caller.user, "found": str(int(found))}
        result, stats = await lane.do(lambda handle: handle.result(_KILLED, answer.format, params))
        await answer.whole(result, stats)

    async def _stream(
        self, lane: Lane, sql: str, request: Request, running: Running, receive: Receive, answer: Answer
    ) -> None:
        """Run a statement and send what it says, for as long as there is somebody to send it to."""
        hold = _HELD_BACK_WAITING if request.flag("wait_end_of_query") else _HELD_BACK
        with pipe() as (results, write_end):
            newer = answer.format == "Native" and _revision(request) >= FIRST_REVISION
            answer.encoding = "" if newer else _encoding(request)
            compression = f" COMPRESSION '{answer.encoding}'" if answer.encoding else ""
            sql = f"{sql}{outfile(write_end)}{compression} FORMAT {answer.format}"
            working = asyncio.ensure_future(lane.do(lambda handle: _into(write_end, handle, sql, request.params)))
            working.add_done_callback(lambda done: done.cancelled() or done.exception())
            pieces = Revised(results) if newer else results
            sending = asyncio.ensure_future(_send(pieces, working, answer, hold))
            leaving = asyncio.ensure_future(_left(receive))
            # the engine watches the clock only while it works, not while it waits for a client who does not read
            limit = None if running.caller.writes else self._config.query_seconds + _GRACE_SECONDS
            try:
                await asyncio.wait((sending, leaving), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
                elif not leaving.done():
                    text = f"Timeout exceeded: the result was not read in {limit} s"
                    raise NodeError(159, "TIMEOUT_EXCEEDED", text)
            finally:
                sending.cancel()
                leaving.cancel()
                await asyncio.wait((sending,))
                if not working.done():
                    await self._abandon(working, running.mark, results)

    async def _abandon(self, working: "asyncio.Future[Stats]", mark: str, results: Results) -> None:
        """Stop a statement whose result nobody waits for; one that has just begun may not be found at first.

        What it still says is read: a pipe that nobody reads is a write that fails, and means a full disk (disk.py).
        """
        reading = asyncio.ensure_future(_emptied(results))
        try:
            while not working.done():
                with suppress(NodeError, RuntimeError):  # no memory for it, or the engine is closed
                    await self._engine.kill(mark)
                await asyncio.wait((working,), timeout=_KILL_SECONDS)
        finally:
            reading.cancel()


def _into(write_end: int, handle: Handle, sql: str, params: dict[str, str]) -> Stats:
    try:
        return handle.run(sql, params)
    finally:
        os.close(write_end)


async def _send(results: Pieces, working: "asyncio.Future[Stats]", answer: Answer, hold: int) -> None:
    held, size = list[bytes](), 0
    while piece := await results.read():
        held.append(piece)
        size += len(piece)
        if size >= hold or answer.began:
            await answer.part(b"".join(held))
            held.clear()
    stats = await working
    if answer.began:
        await answer.end()
    else:
        await answer.whole(b"".join(held), stats)


async def _emptied(results: Results) -> None:
    while await results.read():
        pass


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _statement(request: Request, pieces: AsyncIterator[bytes]) -> tuple[str, InsertText | None]:
    """The statement's text; for an INSERT with data its parts, its data being what is left of the body."""
    text = request.url.get("query", "").encode()
    insert = insert_of(text)
    if text and not insert:
        text += b"\n"
    while not insert and (piece := await anext(pieces, b"")):
        text += piece
        insert = insert_of(text)
        if not insert and len(text) > _STATEMENT_BYTES:
            raise NodeError(62, "SYNTAX_ERROR", f"Max query size exceeded: more than {_STATEMENT_BYTES} bytes")
    return "" if insert else text.decode("utf-8", "replace"), insert


def _format(name: str) -> str:
    if not _FORMAT.fullmatch(name):
        raise NodeError(73, "UNKNOWN_FORMAT", f"Unknown format {name}")
    return name


def _revision(request: Request) -> int:
    """The protocol revision that the client reads, 0 when it does not say."""
    said = request.url.get("client_protocol_version", "")
    return int(said) if said.isdecimal() else 0


def _encoding(request: Request) -> str:
    """How the result is compressed, by the engine: what the client takes, if it said that it may be."""
    if not request.flag("enable_http_compression"):
        return ""
    wanted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    return next((name for name in _ENCODINGS if name in wanted), "")
