"""`spanbook serve` as a child process, on free ports and a directory of the test's."""

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psutil
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from spanbook_collector.config import RetentionSettings
from spanbook_collector.queue import inspect
from spanbook_storage.node.process import NodeProcess
from spanbook_storage.store import open_store

PARTS = ("receiver", "writer", "node")
_PORTS = ("grpc", "http", "web", "sql")


class Collector:
    """One collector with its three processes; `with Collector(directory) as collector:` starts and stops it."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        launcher: Sequence[str] = (),
        prepared: bool = True,
    ) -> None:
        """`prepared`: its node has the schema already, which to make takes a start longer than all the rest."""
        self._launcher, self._prepared = tuple(launcher), prepared
        self.data = directory / "data"
        self.log = directory / "collector.log"
        self._options, self._environment = options, dict(environment or {})
        self.ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.ports['grpc']}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def store(self) -> str:
        """The reader's address."""
        return f"clickhouse://127.0.0.1:{self.ports['sql']}/spanbook"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> Self:
        """Start it; `wait` until what is sent can also be stored."""
        addresses = [f"--{name}=127.0.0.1:{port}" for name, port in self.ports.items()]
        command = [
            *self._launcher,
            sys.executable,
            "-m",
            "spanbook_collector",
            "serve",
            f"--data={self.data}",
            *addresses,
            *self._options,
        ]
        if self._prepared and not self.data.exists():
            shutil.copytree(node_with_schema(), self.data / "node", symlinks=True)
            subprocess.run(
                ["sync", "-f", self.data], check=True
            )  # as an engine leaves it: the next cut may be of power
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **self._environment}
            )
        if wait:
            self.wait_until(self.ready, "ready")
        return self

    def stop(self) -> int:
        """Ask it to stop as Ctrl-C does; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def part(self, name: str) -> psutil.Process | None:
        """Return the process of a part, None while it is down."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if any(
                        word.endswith((f"spanbook_collector.{name}", f"spanbook_storage.{name}"))
                        for word in child.cmdline()
                    ):
                        return child
        return None

    def kill(self, name: str) -> None:
        """SIGKILL a part."""
        part = self.part(name)
        if part is not None:
            part.kill()

    def kill_all(self) -> None:
        """SIGKILL everything, the supervisor first, as when the host runs out of memory."""
        parts = [part for part in map(self.part, PARTS) if part is not None]
        self.kill_supervisor()
        for part in parts:
            with contextlib.suppress(psutil.NoSuchProcess):
                part.kill()
        psutil.wait_procs(parts, 10)

    def kill_supervisor(self) -> None:
        """SIGKILL what keeps the parts alive; they end by themselves."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def ready(self) -> bool:
        """Whether `/readyz` says yes."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the collector ended with code {self._process.returncode}:\n{self.log.read_text()}")
        return self.get("/readyz")[0] == 200

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Ask the web port; status 0 when nobody answers."""
        request = urllib.request.Request(self.web + path, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def query(self, sql: str, **parameters: Any) -> list[list[Any]]:
        """Ask SQL as a reader does; rows as JSON gives them, 64-bit integers as numbers."""
        given = "".join(f"&param_{name}={quote(str(value))}" for name, value in parameters.items())
        url = (
            f"http://127.0.0.1:{self.ports['sql']}/?database=spanbook&output_format_json_quote_64bit_integers=0{given}"
        )
        request = urllib.request.Request(url, data=f"{sql} FORMAT JSONCompactEachRow".encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return [json.loads(line) for line in answer.read().splitlines()]
        except urllib.error.HTTPError as refusal:
            refusal.add_note(refusal.read().decode())
            raise

    def value(self, sql: str, **parameters: Any) -> Any:
        """The only value of a query's only row."""
        return self.query(sql, **parameters)[0][0]

    def send_span(self, name: str) -> None:
        """Send one root span through the OpenTelemetry SDK."""
        exporter = OTLPSpanExporter(endpoint=f"http://{self.grpc}")
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("test").start_span(name).end()
        provider.shutdown()

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = (line for line in self.get("/metrics")[1].splitlines() if line.startswith(name))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def drained(self) -> bool:
        """Whether nothing waits for ClickHouse."""
        return inspect(self.data / "queue").readers["clickhouse"].lag.records == 0

    def wait_until(self, done: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait for a condition that another process brings about."""
        deadline = time.monotonic() + seconds
        while not _holds(done):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not {what} within {seconds} s:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill_all()
                raise


@functools.cache
def node_with_schema() -> Path:
    """Make a node's directory that all collectors of this process start from."""
    place = Path(tempfile.mkdtemp(prefix="spanbook-schema-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    with NodeProcess(place / "node") as node, ThreadPoolExecutor(1) as aside:  # a loop may be running on this thread
        aside.submit(asyncio.run, _make_schema(node.dsn)).result()
    return place / "node"


async def _make_schema(dsn: str) -> None:
    store = await open_store(dsn)
    await store.migrate()
    await store.keep_for(**dataclasses.asdict(RetentionSettings()))
    await store.close()


def _holds(done: Callable[[], bool]) -> bool:
    try:
        return done()
    except OSError:  # the part that is asked is down
        return False


def free_ports(count: int) -> Iterator[int]:
    """Find ports that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        yield from [one.getsockname()[1] for one in sockets]
