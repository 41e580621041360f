"""A TCP proxy between the writer and ClickHouse that can go wrong in every way a network or a server can."""

import asyncio
import contextlib
import enum
import threading
from collections.abc import Coroutine
from typing import Any, Self

SLOW_BYTES, SLOW_SECONDS = 16 * 1024, 0.25


class Fault(enum.Enum):
    """What the proxy does; connections that are open when a fault begins are cut, but for a black hole."""

    NONE = "none"
    REFUSED = "connections are refused"
    BLACK_HOLE = "bytes are swallowed"
    SERVER_ERROR = "every answer is HTTP 503"
    BAD_GATEWAY = "every answer is HTTP 502 with a page of HTML"
    REVOKED = "every answer is an authentication failure"
    TOO_MANY_PARTS = "every answer is TOO_MANY_PARTS"
    SLOW = "bytes come by and by"
    RESET = "connections are reset while ClickHouse answers"


_ANSWERS = {
    Fault.SERVER_ERROR: (b"503 Service Unavailable", b"", b"busy\n"),
    Fault.BAD_GATEWAY: (b"502 Bad Gateway", b"", b"<html>Bad Gateway</html>\n"),
    Fault.REVOKED: (
        b"403 Forbidden",
        b"X-ClickHouse-Exception-Code: 516\r\n",
        b"Code: 516. DB::Exception: spanbook: Authentication failed. (AUTHENTICATION_FAILED)\n",
    ),
    Fault.TOO_MANY_PARTS: (
        b"500 Internal Server Error",
        b"X-ClickHouse-Exception-Code: 252\r\n",
        b"Code: 252. DB::Exception: Too many parts (3000). (TOO_MANY_PARTS)\n",
    ),
}


class FaultProxy:
    """Listens on `port` and passes bytes on to `target`; `with FaultProxy(port) as proxy: proxy.fault(Fault.SLOW)`."""

    def __init__(self, target: int) -> None:
        self._target, self.port = target, 0
        self._fault = Fault.NONE
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def fault(self, fault: Fault) -> None:
        """Go wrong in this way from now on."""
        self._call(self._become(fault))

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _become(self, fault: Fault) -> None:
        self._fault = fault
        if fault is Fault.REFUSED:
            await self._close()
        elif self._server is None:
            await self._listen()
        elif fault is not Fault.BLACK_HOLE:
            self._cut()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._cut()
        await asyncio.sleep(0)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if self._fault in _ANSWERS:
                await self._answer(reader, writer)
            else:
                await self._connect(reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status, header, body = _ANSWERS[self._fault]
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 %s\r\n%scontent-length: %d\r\nconnection: close\r\n\r\n" % (status, header, len(body))
        writer.write(head + body)
        await writer.drain()
        # The sender is still sending: a close now would reset the answer away.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while await reader.read(1 << 16):
                    pass

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(back_writer)
        await asyncio.gather(
            self._pump(reader, back_writer, answers=False), self._pump(back_reader, writer, answers=True)
        )
        self._writers.discard(back_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        while chunk := await reader.read(SLOW_BYTES if self._fault is Fault.SLOW else 1 << 18):
            if self._fault is Fault.BLACK_HOLE:
                continue
            if self._fault is Fault.RESET and answers:
                writer.transport.abort()
                return
            if self._fault is Fault.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
            writer.write(chunk)
            await writer.drain()
        writer.close()
