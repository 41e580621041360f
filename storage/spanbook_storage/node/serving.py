"""The node's life: take the directory, open the engine, serve, stop when told to."""

import asyncio
import fcntl
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from .catalog import Catalog
from .config import NodeConfig
from .disk import Disk, forget_torn
from .engine import Engine
from .front import Front

_LAST_RESORT_SECONDS = 10.0

log = logging.getLogger("spanbook.storage")


class StartError(Exception):
    """The node cannot start until somebody changes something; the text says what."""


async def serve(config: NodeConfig) -> None:
    """Serve until SIGTERM, SIGINT or, with `with_parent`, the end of stdin; prints `listening on URL` when ready.

    Raises StartError for a port that is taken or a directory that another node has.
    """
    # uvicorn tells of cut connections with tracebacks; the front logs what it has to
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with _directory(config.data), _listener(config) as listener:
        forget_torn(config.data)
        engine = Engine(config)
        await engine.start()
        disk = Disk(config.data, engine)
        watching = asyncio.create_task(disk.watch())
        try:
            catalog = Catalog(config, engine)
            await catalog.load()
            server = _Server(
                uvicorn.Config(
                    Front(config, engine, catalog, disk),
                    http="httptools",
                    loop="none",
                    lifespan="off",
                    ws="none",
                    access_log=False,
                    log_config=None,
                    server_header=False,
                    date_header=False,
                    limit_concurrency=512,
                    timeout_keep_alive=75,
                    timeout_graceful_shutdown=3,
                )
            )
            _stop_when_told(server, config)
            print(f"listening on http://{_shown(config.host)}:{listener.getsockname()[1]}", flush=True)
            await server.serve(sockets=[listener])
        finally:
            watching.cancel()
            await engine.stop()
            _end_for_sure()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which end the process by the signal that asked it to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


def _stop_when_told(server: _Server, config: NodeConfig) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)

    def parent_spoke() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            server.stop()

    if config.with_parent:
        loop.add_reader(sys.stdin.fileno(), parent_spoke)


@contextmanager
def _directory(data: Path) -> Iterator[None]:
    """Hold the directory; the engine has a lock of its own, but does not say who holds it."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chdir(data)  # the engine keeps the schemas that come with inserts in its working directory, whatever it is told
    with (data / "node.pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            hint = "hint: stop it, or give this one another `--data`"
            raise StartError(f"another node has `{data}` open: process {holder}\n{hint}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _listener(config: NodeConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=256)
    except OSError as error:
        hint = "hint: stop what listens there, or give the node another `--listen`"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StartError(f"cannot listen on `{config.host}:{config.port}`: {reason}\n{hint}") from error


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _end_for_sure() -> None:
    """Python waits for its threads when it ends; a statement that does not listen to KILL must not hold it up."""
    watchdog = threading.Timer(_LAST_RESORT_SECONDS, os._exit, (0,))
    watchdog.daemon = True
    watchdog.start()
