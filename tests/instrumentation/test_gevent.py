"""Applications under gevent, run as processes of their own: their subprocesses, their forked workers, their spans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from clients.receiver import Running, config_in, running
from fakes.provider import Provider
from spanbook_schemas.signals import Signal

LONGEST = 60  # seconds; far more than any of them needs

# A child that forks ends instead: should the bug come back, the machine is not flooded with processes.
PATCHED = """
from gevent import monkey
monkey.patch_all()
import os, sys

here, forks = os.getpid(), []

def before():
    if os.getpid() != here:
        os.write(2, b"a process that was to become another program forked\\n")
        os._exit(1)

os.register_at_fork(before=before, after_in_parent=lambda: forks.append(1))
"""

# OpenAI's SDK asks for the platform at its first call, which starts `uname`.
FIRST_CALLS = """
import gevent, openai, spanbook

spanbook.autolog()
client = openai.OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0)

def call():
    with spanbook.start_span("job"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])

gevent.joinall([gevent.spawn(call) for _ in range(20)], raise_error=True)
assert len(forks) > 1, "no process was started while others waited: this shows nothing"
"""

FORKED_WORKERS = """
import spanbook
from opentelemetry import trace

def spans(*names):
    for name in names:
        with spanbook.start_span(name):
            pass

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

def busy():
    spans("child", "child again")
    assert spanbook.flush(30)

def idle():
    assert trace.get_tracer_provider().force_flush()

spans("waits in the parent")
in_child(busy)
in_child(idle)
spans("parent")
assert spanbook.flush(30)
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with running(config_in(tmp_path / "data")) as found:
        yield found


def run(program: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a program; return its exit code and what it said."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANBOOK_"))}
    process = subprocess.Popen(
        [sys.executable, "-c", PATCHED + program, *arguments],
        env={**inherited, "SPANBOOK_RAISE_ERRORS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=LONGEST)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


def to(receiver: Running, protocol: str) -> dict[str, str]:
    port = receiver.grpc_port if protocol == "grpc" else receiver.http_port
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}


def spans_in(receiver: Running) -> list[tuple[str, int]]:
    """The name of every span that arrived, and the process that its resource names."""
    bodies = [record.body for record in receiver.records() if record.signal == Signal.TRACES]
    return [
        (span.name, next((pair.value.int_value for pair in of.resource.attributes if pair.key == "process.pid"), 0))
        for body in bodies
        for of in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_greenlets_that_make_their_first_calls_at_once_fork_only_for_what_they_start(
    protocol: str, receiver: Running, fake: Provider
) -> None:
    assert run(FIRST_CALLS, f"{fake.url}/v1", **to(receiver, protocol)) == (0, "")
    assert len(fake.requests) == 20
    assert sorted(name for name, _ in spans_in(receiver)) == ["chat m"] * 20 + ["job"] * 20


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_forked_worker_sends_its_own_spans_under_gevent_and_not_its_parents(protocol: str, receiver: Running) -> None:
    detecting = {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process"}
    assert run(FORKED_WORKERS, **detecting, **to(receiver, protocol)) == (0, "")

    found = dict(spans_in(receiver))
    assert sorted(name for name, _ in spans_in(receiver)) == ["child", "child again", "parent", "waits in the parent"]
    assert found["child"] == found["child again"] != found["parent"] == found["waits in the parent"] != 0


TOLD_TO_STOP = """
import gevent, signal, spanbook
from spanbook import _termination

_termination.flush_when_terminated()
with spanbook.start_span("job"):
    pass
signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
signal.setitimer(signal.ITIMER_REAL, 0.2)
"""


@pytest.mark.parametrize("go_on", ["gevent.sleep(600)", "while True: pass"], ids=["idle", "busy"])
def test_what_waits_is_sent_when_the_process_is_told_to_stop(go_on: str, receiver: Running) -> None:
    assert run(TOLD_TO_STOP + go_on, **to(receiver, "grpc"), OTEL_BSP_SCHEDULE_DELAY="600000")[0] == -signal.SIGTERM
    assert [name for name, _ in spans_in(receiver)] == ["job"]
