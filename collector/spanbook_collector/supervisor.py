"""`spanbook serve`: three child processes, each restarted when it dies, none bringing another down.

The receiver starts first and needs nobody: clients are served while ClickHouse is still coming up.
"""

import asyncio
import contextlib
import dataclasses
import logging
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from spanbook_collector.config import Config, MiB, dump
from spanbook_collector.errors import StartError
from spanbook_collector.queue.disk import lock_file
from spanbook_collector.queue.errors import QueueInUse

log = logging.getLogger("spanbook.collector")

LONGEST_PAUSE = 10.0  # seconds between two starts of a child that keeps dying
STEADY_AFTER = 30.0  # seconds of life after which a child's past is forgiven
SHARED_MEMORY = Path("/dev/shm")
ORPHAN_PATIENCE = 60.0  # seconds that the children of a supervisor that was killed may take to end
STOP_PATIENCE = 20.0  # seconds a child may take to stop before it is killed; the queue makes that safe


@dataclasses.dataclass(frozen=True)
class Child:
    """A child process: its name in the log, its module, what it needs to know, where it counts, what it keeps open."""

    name: str
    arguments: tuple[str, ...]
    stdin: str = ""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    counters: Path | None = None
    handles: tuple[int, ...] = ()


class Supervised:
    """One child, started again whenever it ends without being asked to."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.ready = asyncio.Event()
        self.starts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Keep the child alive until `stop`.

        Raises StartError when its very first start ends with exit code 2: what is wrong is in the configuration.
        """
        pause = 0.2
        while not self._stopping:
            began = time.monotonic()
            code = await self._once()
            if self._stopping:
                return
            if code == StartError.exit_code and not self.ready.is_set():
                raise StartError(f"the {self.child.name} cannot start")
            pause = 0.2 if time.monotonic() - began > STEADY_AFTER else min(pause * 2, LONGEST_PAUSE)
            log.warning("%s ended with code %s, starting it again in %.1f s", self.child.name, code, pause)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ask the child to stop, and wait; kill it when it does not."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_PATIENCE)
        except TimeoutError:
            log.warning("%s did not stop within %d s and is killed", self.child.name, STOP_PATIENCE)
            process.kill()
            await process.wait()

    async def _once(self) -> int:
        self.starts += 1
        counters = self.child.counters
        if counters:
            counters.mkdir(mode=0o700, exist_ok=True)  # logind may clear shared memory when a user has logged out
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self.child.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self.child.environment},
            pass_fds=self.child.handles,
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops the children in order
        )
        if self._stopping:  # while it was being started, when there was nobody to tell
            process.terminate()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write((self.child.stdin + "\n").encode())
        async for line in process.stdout:
            if line.startswith((b"ready", b"listening on")):
                self.ready.set()
        code = await process.wait()
        if counters:
            mark_process_dead(process.pid, str(counters))  # type: ignore[no-untyped-call]
        return code


def children(config: Config, counters: Path, *handles: int) -> dict[str, Child]:
    """List the processes of this configuration, in the order in which they stop."""
    secret = {"SPANBOOK_NODE_SECRET": secrets.token_urlsafe(32)} if config.embedded else {}
    shared = {
        "PROMETHEUS_MULTIPROC_DIR": str(counters),
        # glibc would give the memory of every body back and fault it in again page by page, a fifth of the receiver's
        # time; with no bounds at all it would keep 200 MB after a burst.
        "MALLOC_MMAP_THRESHOLD_": str(8 * MiB),
        "MALLOC_TRIM_THRESHOLD_": str(8 * MiB),
        "MALLOC_ARENA_MAX": "1",
        # gRPC's own library writes a line for every stranger's failed handshake.
        "GRPC_VERBOSITY": os.environ.get("GRPC_VERBOSITY", "NONE"),
    }
    found = {
        "receiver": Child("receiver", ("spanbook_collector.receiver",), dump(config), shared, counters, handles),
        "writer": Child("writer", ("spanbook_collector.writer",), dump(config), shared | secret, counters, handles),
    }
    if config.embedded:
        module = ("spanbook_storage.node", *_node_options(config))
        found["node"] = Child("node", module, environment=secret, handles=handles)
    return found


async def serve(config: Config, stop: asyncio.Event, on_ready: asyncio.Event) -> None:
    """Run everything until `stop` is set, then stop the children in order.

    Raises StartError when a part cannot start at all.
    """
    with _directory(config):
        family = await _alone(config, stop)
        try:
            with _counting(config) as counters:
                await _serve(children(config, counters, family), stop, on_ready)
        finally:
            os.close(family)


async def _serve(children: Mapping[str, Child], stop: asyncio.Event, on_ready: asyncio.Event) -> None:
    supervised = {name: Supervised(child) for name, child in children.items()}
    keeping = [asyncio.create_task(one.run(), name=name) for name, one in supervised.items()]
    announcing = asyncio.create_task(_announce(supervised, on_ready))
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopping, *keeping], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        announcing.cancel()
        stopping.cancel()
        for one in supervised.values():
            await one.stop()
        await asyncio.gather(*keeping, return_exceptions=True)


@contextlib.contextmanager
def _directory(config: Config) -> Iterator[None]:
    """Hold the data directory. Raises StartError when another collector does, or it cannot be used."""
    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = lock_file(config.data / "lock", f"the data directory `{config.data}`")
    except QueueInUse as error:
        message, _, hint = str(error).partition("\nhint: ")
        raise StartError(message, hint) from error
    except OSError as error:
        raise StartError(
            f"cannot use the data directory `{config.data}`: {error.strerror}", "name another one with `--data`"
        ) from error
    try:
        yield
    finally:
        os.close(lock)


async def _alone(config: Config, stop: asyncio.Event) -> int:
    """Wait for the children of a supervisor that was killed; returns the handle that ours keep open while they live.

    Raises StartError when they do not end.
    """
    waiting_since = time.monotonic()
    while True:
        try:
            return lock_file(config.data / "children", "the children")
        except QueueInUse:
            if stop.is_set() or time.monotonic() - waiting_since > ORPHAN_PATIENCE:
                raise StartError(
                    f"processes of a collector that was killed still use `{config.data}`",
                    "end them: `pgrep -f spanbook` lists them",
                ) from None
        log.info("waiting for the processes of a collector that was killed")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)


@contextlib.contextmanager
def _counting(config: Config) -> Iterator[Path]:
    """Give a new folder for counters, which are mapped files: on a full disk, writing to one kills the process."""
    place = config.data.stat()
    folder = SHARED_MEMORY / f"spanbook-{place.st_dev:x}-{place.st_ino:x}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except OSError:  # there is no such memory here, or somebody else has that name
        folder = config.data / "metrics"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _node_options(config: Config) -> tuple[str, ...]:
    return (
        *("--data", str(config.data / "node"), "--listen", str(config.sql), "--keys", str(config.keys_file)),
        *("--memory-mb", str(config.node.max_memory_bytes // MiB), "--with-parent"),
        *(word for host in config.node.allow_hosts for word in ("--allow-host", host)),
        *(("--insecure",) if config.insecure else ()),
    )


async def _announce(supervised: Mapping[str, Supervised], on_ready: asyncio.Event) -> None:
    for one in supervised.values():
        await one.ready.wait()
    on_ready.set()
