"""What becomes of the last spans of a web application, or any other, that is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clients.receiver import Running, config_in, running
from running.interpreters import PYTHON
from spanbook_schemas.signals import Signal

APPLICATION = """
from contextlib import asynccontextmanager
from fastapi import FastAPI
import spanbook

@asynccontextmanager
async def lifespan(app):
    yield
    if {flushes}:
        spanbook.flush()

app = FastAPI(lifespan=lifespan)

@app.get("/")
def answer():
    with spanbook.start_span("answer"):
        return "42"
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with running(config_in(tmp_path / "data")) as found:
        yield found


DIRECTLY: list[str] = []
TRACED = ["-c", "import sys; from spanbook._run import run; run(sys.argv[1:])", PYTHON]


@pytest.mark.parametrize(
    ("start", "stop", "flushes", "arrived"),
    [
        pytest.param(DIRECTLY, signal.SIGTERM, True, ["answer"], id="terminated, flushed by the lifespan"),
        pytest.param(DIRECTLY, signal.SIGINT, False, ["answer"], id="interrupted: exit handlers run"),
        # uvicorn hands the signal on when it has shut down, and Python ends of it at once. Should this test fail, the
        # documentation may say less.
        pytest.param(DIRECTLY, signal.SIGTERM, False, [], id="terminated: exit handlers do not run"),
        pytest.param(TRACED, signal.SIGTERM, False, ["answer"], id="terminated under `spanbook run`"),
    ],
)
def test_the_last_spans_of_a_server_arrive_when_it_flushes_or_exits(
    start: list[str], stop: signal.Signals, flushes: bool, arrived: list[str], receiver: Running, tmp_path: Path
) -> None:
    (tmp_path / "service.py").write_text(APPLICATION.format(flushes=flushes))
    server = started([*start, "-m", "uvicorn", "--port", "0", "service:app"], receiver, tmp_path)
    assert server.stderr is not None
    with server:
        line = next(line for line in server.stderr if "Uvicorn running on" in line)
        url = next(word for word in line.split() if word.startswith("http://"))
        with urlopen(url, timeout=30) as answer:
            assert answer.read() == b'"42"'
        server.send_signal(stop)
        server.stderr.read()
    assert names_in(receiver) == arrived
    assert stop is signal.SIGINT or server.returncode == -stop


WAITING = """
import signal, sys, time
import spanbook

{handler}
with spanbook.start_span("job"):
    pass
print("waiting", file=sys.stderr, flush=True)
time.sleep(600)
"""
HANDLER = "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))"
CHAINED = """
found = signal.getsignal(signal.SIGTERM)

def closed(number, frame):
    if callable(found):
        found(number, frame)
    sys.exit(8)

signal.signal(signal.SIGTERM, closed)
"""


@pytest.mark.parametrize(("handler", "code"), [("", -signal.SIGTERM), (HANDLER, 7), (CHAINED, 8)])
def test_a_program_ends_of_the_signal_as_ever(handler: str, code: int, receiver: Running, tmp_path: Path) -> None:
    with started([*TRACED, "-c", WAITING.format(handler=handler)], receiver, tmp_path) as program:
        assert program.stderr is not None
        assert program.stderr.readline() == "waiting\n"
        program.terminate()
    assert (program.returncode, names_in(receiver)) == (code, ["job"])


def test_a_collector_that_never_answers_does_not_keep_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = silent.getsockname()[1]
        with started([*TRACED, "-c", WAITING.format(handler="")], where, tmp_path) as program:
            assert program.stderr is not None
            assert program.stderr.readline() == "waiting\n"
            program.terminate()
            program.wait(timeout=60)
    assert program.returncode == -signal.SIGTERM


def started(arguments: list[str], receiver: Running | int, place: Path) -> subprocess.Popen[str]:
    port = receiver if isinstance(receiver, int) else receiver.grpc_port
    return subprocess.Popen(
        [PYTHON, *arguments],
        cwd=place,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANBOOK_"))},
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",  # nothing leaves by itself
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def names_in(receiver: Running) -> list[str]:
    requests = [
        ExportTraceServiceRequest.FromString(record.body)
        for record in receiver.records()
        if record.signal == Signal.TRACES
    ]
    return [
        span.name
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
