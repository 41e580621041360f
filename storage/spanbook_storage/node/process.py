"""A node as a child process, for the supervisor and for tests."""

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any

READY = "listening on "


class NodeStartError(RuntimeError):
    """The node did not come up; the text is what it said."""


class NodeProcess:
    """One `python -m spanbook_storage.node`: `with NodeProcess(directory) as node:` starts it, waits, and stops it.

    It ends when this process does, however this one ends.
    """

    program: Sequence[str] = ("-m", "spanbook_storage.node")

    def __init__(
        self,
        data: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        secret: str = "",
        database: str = "spanbook",
        options: Sequence[str] = (),
    ) -> None:
        self._data, self._host, self._port, self._options = data, host, port, options
        self.database = database
        self.user = "spanbook"
        self.secret = secret or secrets.token_urlsafe(24)
        self.url = f"http://{host}:{port}"
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Process id; raises RuntimeError before `start`."""
        return self._running().pid

    @property
    def port(self) -> int:
        """The port it listens on, known once it is ready."""
        return self._port

    @property
    def dsn(self) -> str:
        """The writer's address for `open_store`."""
        return f"clickhouse://{self.user}:{self.secret}@{self._host}:{self._port}/{self.database}"

    def start(self, timeout: float = 60.0) -> "NodeProcess":
        """Start it and wait until it answers.

        Raises NodeStartError with what it said when it ends or is not ready within `timeout` seconds.
        """
        command = [sys.executable, *self.program, "--data", str(self._data)]
        command += ["--listen", f"{self._host}:{self._port}", "--database", self.database, *self._options]
        environment = os.environ | {"SPANBOOK_NODE_SECRET": self.secret}
        self._process = subprocess.Popen(
            [*command, "--with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        line = _first_line(self._process, timeout)
        if not line.startswith(READY):
            self.kill()
            raise NodeStartError(f"the node at `{self._data}` did not start: {line or 'no answer'}")
        self.url = line.removeprefix(READY).strip()
        self._port = int(self.url.rpartition(":")[2])
        return self

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout: float = 30.0) -> int:
        """End it with SIGTERM and give its exit code; one that does not end in time is killed."""
        process = self._running()
        process.terminate()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        _close(process)
        return code

    def kill(self) -> None:
        """End it as a crash would."""
        process = self._running()
        process.kill()
        process.wait()
        _close(process)

    def client(self, **options: Any) -> Any:
        """A clickhouse-connect client with the writer's credentials."""
        import clickhouse_connect

        known: dict[str, Any] = {"host": self._host, "port": self._port, "database": self.database}
        known |= {"username": self.user, "password": self.secret}
        return clickhouse_connect.get_client(**{**known, **options})

    def __enter__(self) -> "NodeProcess":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the node was not started")
        return self._process


def _first_line(process: subprocess.Popen[str], timeout: float) -> str:
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    threading.Thread(target=lambda out=process.stdout: lines.put(out.readline()), daemon=True).start()
    try:
        return lines.get(timeout=timeout)
    except Empty:
        return ""


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
