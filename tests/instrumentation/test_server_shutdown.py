"""What becomes of the last spans of a web application when its server is told to stop."""

from __future__ import annotations

import os
import signal
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


@pytest.mark.parametrize(
    ("stop", "flushes", "arrived"),
    [
        pytest.param(signal.SIGTERM, True, ["answer"], id="terminated, flushed by the lifespan"),
        pytest.param(signal.SIGINT, False, ["answer"], id="interrupted: exit handlers run"),
        # uvicorn hands the signal on when it has shut down, and Python ends of it at once. Should this test fail, the
        # documentation may say less.
        pytest.param(signal.SIGTERM, False, [], id="terminated: exit handlers do not run"),
    ],
)
def test_the_last_spans_of_a_server_arrive_when_it_flushes_or_exits(
    stop: signal.Signals, flushes: bool, arrived: list[str], receiver: Running, tmp_path: Path
) -> None:
    (tmp_path / "service.py").write_text(APPLICATION.format(flushes=flushes))
    server = subprocess.Popen(
        [PYTHON, "-m", "uvicorn", "--port", "0", "service:app"],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANBOOK_"))},
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{receiver.grpc_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",  # nothing leaves by itself
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    with server:
        line = next(line for line in server.stderr if "Uvicorn running on" in line)
        url = next(word for word in line.split() if word.startswith("http://"))
        with urlopen(url, timeout=30) as answer:
            assert answer.read() == b'"42"'
        server.send_signal(stop)
        server.stderr.read()
    assert names_in(receiver) == arrived


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
