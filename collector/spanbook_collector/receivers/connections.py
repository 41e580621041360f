"""HTTP connections: how many there may be, and how long one may take to say what it wants.

uvicorn closes only what was once busy and is idle; a client that sends its headers a byte at a time would be waited
for without end. gRPC does all of this itself.
"""

import asyncio
import contextlib
import logging
import ssl
from collections import Counter
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from spanbook_collector import metrics
from spanbook_collector.config import Address, ReceiverSettings
from spanbook_collector.errors import StartError

HEADER_SECONDS = 10.0  # for a TLS handshake, and again for all headers of a request
# How long the rest of a refused body is received and dropped: a client that is cut off while it sends never reads the
# answer, takes it for a broken connection and sends all of it again.
LINGER_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 75  # longer than the SDKs pause between two batches
FINISH_SECONDS = 5  # for requests under way when the process is asked to stop
BACKLOG = 2048
NO_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 47\r\nconnection: close\r\n\r\n"
    b'{"code": 3, "message": "this is not HTTP/1.1."}'
)


class Door:
    """Counts the open connections, in all and of each address."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self._settings = settings
        self._open: Counter[str] = Counter()
        self._total = 0

    def enter(self, host: str) -> bool:
        """Let a connection in, or say that there are too many."""
        if self._total >= self._settings.max_connections:
            return False
        if self._open[host] >= self._settings.max_connections_per_client:
            return False
        self._total += 1
        self._open[host] += 1
        metrics.CONNECTIONS.inc()
        return True

    def leave(self, host: str) -> None:
        """Note that a connection that was let in has ended."""
        self._total -= 1
        self._open[host] -= 1
        if not self._open[host]:
            del self._open[host]
        metrics.CONNECTIONS.dec()


def guarded(door: Door) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol with a door, a timer for headers, and one for what comes after a refusal."""

    class GuardedProtocol(HttpToolsProtocol):
        _host: str | None = None
        _timer: asyncio.TimerHandle | None = None
        _more_to_come = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            host = self.client[0] if self.client else ""
            if not door.enter(host):
                metrics.CLOSED_CONNECTIONS.labels("too_many").inc()
                transport.abort()
                return
            self._host = host
            self._close_after(HEADER_SECONDS, "slow_headers")

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            if self._host is not None:
                door.leave(self._host)
                self._host = None
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._close_after(HEADER_SECONDS, "slow_headers")

        def on_headers_complete(self) -> None:
            self._stop_timer()
            self._more_to_come = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._stop_timer()
            self._more_to_come = False
            super().on_message_complete()

        def on_response_complete(self) -> None:
            if self._more_to_come:
                self._close_after(LINGER_SECONDS, "refused")
            super().on_response_complete()

        def send_400_response(self, msg: str) -> None:
            self._stop_timer()
            self.transport.write(NO_HTTP)
            self.transport.close()

        def _close_after(self, seconds: float, reason: str) -> None:
            self._stop_timer()
            self._timer = self.loop.call_later(seconds, self._give_up, reason)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self, reason: str) -> None:
            metrics.CLOSED_CONNECTIONS.labels(reason).inc()
            self.transport.abort()

    return GuardedProtocol


class HttpServer(uvicorn.Server):
    """uvicorn on an address of ours; signals are left to the process it runs in."""

    def __init__(
        self,
        app: Any,
        address: Address,
        settings: ReceiverSettings,
        tls: ssl.SSLContext | None = None,
        *,
        name: str = "OTLP/HTTP",
        option: str = "--http",
    ) -> None:
        self._name, self._option = name, option
        self._guarded = guarded(Door(settings))
        super().__init__(
            uvicorn.Config(
                app,
                http=self._guarded,
                ws="none",
                lifespan="off",
                loop="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=FINISH_SECONDS,
            )
        )
        # What it has to say is about single requests, and an error's text may quote one.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._address = address
        self._tls = tls
        self._listening = asyncio.Event()

    async def start(self) -> None:
        """Listen and serve in the background. Raises StartError when the address cannot be had."""
        self._serving = asyncio.create_task(self.serve())
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait((self._serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._serving.done():
            await self._serving

    async def stop(self) -> None:
        """Stop accepting, finish the requests under way, and close."""
        self.should_exit = True
        await self._serving

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    async def startup(self, sockets: Any = None) -> None:
        """Listen; uvicorn calls this."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._protocol,
                self._address.host,
                self._address.port,
                ssl=self._tls,
                ssl_handshake_timeout=HEADER_SECONDS if self._tls else None,
                backlog=BACKLOG,
            )
        except OSError as error:
            raise StartError(
                f"cannot listen for {self._name} at `{self._address}`: {error.strerror}",
                f"stop what listens there, or choose another one with `{self._option}`",
            ) from error
        self.servers = [server]
        self.started = True
        self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield

    def _protocol(self) -> asyncio.Protocol:
        return self._guarded(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
