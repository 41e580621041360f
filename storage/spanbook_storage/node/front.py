"""ClickHouse's HTTP interface in front of the engine, as an ASGI application.

A result is held back until it is whole or passes a megabyte: so most answers carry their true status and numbers, and
the others stream in constant memory.
"""

import asyncio
import logging
import os
import re
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from . import literals
from .access import Caller, Door
from .answer import Answer
from .config import NodeConfig
from .engine import Engine, Handle, Insert, Lane, Stats, outfile, pipe
from .errors import NodeError, readonly
from .request import ClientGone, Receive, Request, Scope, Send, body, parse_request
from .statements import InsertText, format_of, insert_of, with_output

_HELD_BACK = 1 << 20
_PIECE = 1 << 22  # bytes of an insert that go to the engine at once
_STATEMENT_BYTES = 1 << 20
_SELECT = re.compile(r"\(*(?:SELECT|WITH|FROM)\b")
_ENCODINGS = {"zstd": "zstd", "lz4": "lz4", "br": "br", "gzip": "gzip", "deflate": "deflate"}

log = logging.getLogger("spanbook.storage")


@dataclass(frozen=True)
class Plan:
    """A statement that may run: what the engine is given, and whether its result may be large, so that it streams."""

    sql: str
    streams: bool


class Front:
    """The ASGI application."""

    def __init__(self, config: NodeConfig, engine: Engine) -> None:
        self._config, self._engine = config, engine
        self._door = Door(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
        if request.path in ("/ping", "/replicas_status") or (request.method == "GET" and "query" not in request.url):
            return await answer.whole(b"Ok.\n", Stats())
        async with aclosing(body(receive, request.headers.get("content-encoding", ""))) as pieces:
            text, insert = await _statement(request, pieces)
            if insert and not caller.writes:
                raise readonly("readers cannot insert\nhint: send OTLP to the collector")
            lanes = self._engine.writers if caller.writes else self._engine.readers
            async with lanes.lane() as lane:
                if insert:
                    await lane.do(lambda handle: self._settle(handle, request, caller))
                    return await answer.whole(b"", await _insert(lane, insert, pieces))
                plan = await lane.do(lambda handle: self._plan(handle, text, request, caller))
                if plan.streams:
                    return await self._stream(lane, plan.sql, request, receive, answer)
                answer.format = format_of(plan.sql, request.format or "TabSeparated")
                result, stats = await lane.do(lambda handle: handle.result(plan.sql, answer.format, request.params))
                return await answer.whole(result, stats)

    def _settle(self, handle: Handle, request: Request, caller: Caller) -> None:
        handle.use(self._database(request))
        settings = request.settings | {"log_comment": request.query_id}
        if not caller.writes or request.method == "GET":
            settings["readonly"] = "1"
        handle.set(settings)

    def _plan(self, handle: Handle, text: str, request: Request, caller: Caller) -> Plan:
        canonical = handle.value("SELECT formatQuerySingleLine({q:String})", {"q": literals.escaped(text)}).rstrip("\n")
        self._settle(handle, request, caller)
        if _SELECT.match(canonical):
            return Plan(canonical, streams=True)
        return Plan(text, streams=False)

    def _database(self, request: Request) -> str:
        # clients name `default` when nobody told them a database; ours holds nothing
        return self._config.database if request.database in ("", "default") else request.database

    async def _stream(self, lane: Lane, sql: str, request: Request, receive: Receive, answer: Answer) -> None:
        """Run a statement and send what it says, for as long as there is somebody to send it to."""
        async with pipe() as (results, write_end):
            compression = _compression(request)
            answer.encoding = compression
            clause = outfile(write_end) + (f" COMPRESSION '{compression}'" if compression else "")
            sql, answer.format = with_output(sql, clause, request.format or "TabSeparated")
            running = asyncio.ensure_future(lane.do(lambda handle: _into(write_end, handle, sql, request.params)))
            sending = asyncio.ensure_future(_deliver(results, running, answer))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    return sending.result()
                await self._engine.kill(request.query_id)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                running.add_done_callback(lambda done: done.cancelled() or done.exception())


def _into(write_end: int, handle: Handle, sql: str, params: dict[str, str]) -> Stats:
    try:
        return handle.run(sql, params)
    finally:
        os.close(write_end)


async def _deliver(results: asyncio.StreamReader, running: "asyncio.Future[Stats]", answer: Answer) -> None:
    held: list[bytes] = []
    size = 0
    while piece := await results.read(_HELD_BACK):
        held.append(piece)
        size += len(piece)
        if size >= _HELD_BACK or answer.began:
            await answer.part(b"".join(held))
            held.clear()
    stats = await running
    if answer.began:
        await answer.end()
    else:
        await answer.whole(b"".join(held), stats)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _statement(request: Request, pieces: AsyncIterator[bytes]) -> tuple[str, InsertText | None]:
    """The statement's text; for an INSERT with data its parts, its data being what is left of the body."""
    text = request.url.get("query", "").encode()
    insert = insert_of(text)
    while not insert and (piece := await anext(pieces, b"")):
        text = text + b"\n" + piece if text and text == request.url.get("query", "").encode() else text + piece
        insert = insert_of(text)
        if not insert and len(text) > _STATEMENT_BYTES:
            raise NodeError(307, "TOO_MANY_BYTES", f"a statement of more than {_STATEMENT_BYTES} bytes")
    return "" if insert else text.decode("utf-8", "replace"), insert


async def _insert(lane: Lane, insert: InsertText, pieces: AsyncIterator[bytes]) -> Stats:
    stream = await lane.do(lambda handle: handle.start_insert(insert.head, insert.format))
    try:
        held, size = [insert.data] if insert.data else [], len(insert.data)
        async for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= _PIECE:
                batch, held, size = held, [], 0
                await lane.do(partial(_append, stream, batch))
        await lane.do(partial(_append, stream, held))
        return await lane.do(lambda _: stream.finish())
    except BaseException:
        await asyncio.shield(lane.do(lambda _: stream.cancel()))
        raise


def _append(stream: Insert, pieces: list[bytes], _: Handle) -> None:
    stream.append(pieces)


def _compression(request: Request) -> str:
    if not request.flag("enable_http_compression"):
        return ""
    wanted = {part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    return next((name for name in _ENCODINGS if name in wanted), "")
