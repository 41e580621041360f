"""Applications that set up nothing, run as processes of their own, and what reaches a real receiver."""

import os
import socket
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

import spanbook
from clients.receiver import Running, config_in, running
from running.interpreters import PYTHON
from spanbook import _export, _provider, _settings
from spanbook_schemas.signals import Signal

LONGEST = 60  # seconds for a process that must not wait long; far more than it needs

APPLICATION = """
import spanbook

spanbook.set_experiment("checkout")

@spanbook.trace
def answer(question):
    return "42"

answer("life")
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with running(config_in(tmp_path / "data")) as found:
        yield found


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-c", textwrap.dedent(program), **environment)


def python(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANBOOK_"))}
    return subprocess.run(
        [PYTHON, "-W", "error", *arguments],
        env={**inherited, "SPANBOOK_RAISE_ERRORS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )


def to(receiver: Running, protocol: str = "grpc") -> dict[str, str]:
    port = receiver.grpc_port if protocol == "grpc" else receiver.http_port
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://localhost:{port}", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}


def spans_in(receiver: Running) -> list[tuple[dict[str, str], str, dict[str, str]]]:
    """The resource, the name and the attributes of every span that arrived."""
    found = []
    for record in receiver.records():
        if record.signal == Signal.TRACES:
            request = ExportTraceServiceRequest.FromString(record.body)
            for resource in request.resource_spans:
                spans = [span for scope in resource.scope_spans for span in scope.spans]
                found += [(texts(resource.resource), span.name, texts(span)) for span in spans]
    return found


def texts(owner: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in owner.attributes}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_an_application_that_sets_up_nothing_reaches_the_collector(receiver: Running, protocol: str) -> None:
    done = run(APPLICATION, **to(receiver, protocol), OTEL_SERVICE_NAME="shop")

    assert (done.returncode, done.stderr) == (0, "")
    ((resource, name, attributes),) = spans_in(receiver)
    assert resource["service.name"] == "shop"
    assert resource["spanbook.experiment.name"] == "checkout"
    assert name == "answer"
    # Content too: the collector is on this machine, and it was Spanbook that chose it.
    assert attributes == {"spanbook.input": '{"question":"life"}', "spanbook.output": '"42"'}


def test_content_stays_here_when_the_collector_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com:4317")
    assert not _export.is_loopback(_export.endpoint("traces"))
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert _export.endpoint("traces") == "http://localhost:4317"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:4317", True),
        ("http://127.0.0.2:4317", True),
        ("http://[::1]:4317", True),
        ("localhost:4317", True),
        ("http://10.0.0.1:4317", False),
        ("http://localhost.example.com", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_its_addresses(url: str, local: bool) -> None:
    assert _export.is_loopback(url) is local


def test_feedback_arrives_as_a_log_event(receiver: Running) -> None:
    program = """
        import spanbook
        spanbook.log_feedback(trace_id="0af7651916cd43dd8448eb211c80319c", name="helpful", value=True)
        assert spanbook.flush(30)
    """
    done = run(program, **to(receiver))

    assert (done.returncode, done.stderr) == (0, "")
    (body,) = [record.body for record in receiver.records() if record.signal == Signal.LOGS]
    (event,) = ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records
    assert event.event_name == "gen_ai.evaluation.result"
    assert event.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert event.span_id == b""


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("flush", ["", "assert spanbook.flush(30)"])
def test_an_experiment_without_a_span_is_written_down_all_the_same(
    receiver: Running, protocol: str, flush: str
) -> None:
    done = run(f"import spanbook\nspanbook.set_experiment('checkout')\n{flush}", **to(receiver, protocol))

    assert (done.returncode, done.stderr) == (0, "")
    (body,) = receiver.bodies()
    (event,) = ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records
    assert event.event_name == "spanbook.experiment"


def test_a_forked_worker_leaves_that_to_its_parent(receiver: Running) -> None:
    program = """
        import multiprocessing
        import spanbook

        spanbook.set_experiment("checkout")
        worker = multiprocessing.get_context("fork").Process(target=int)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
    """
    done = run(program, **to(receiver))

    assert (done.returncode, done.stderr) == (0, "")
    assert len(receiver.bodies()) == 1


def test_what_a_worker_itself_has_told_leaves_when_it_ends(receiver: Running) -> None:
    program = """
        import multiprocessing
        import spanbook

        worker = multiprocessing.get_context("fork").Process(target=spanbook.set_experiment, args=("checkout",))
        worker.start()
        worker.join()
        assert worker.exitcode == 0
    """
    done = run(program, **to(receiver))

    assert (done.returncode, done.stderr) == (0, "")
    assert len(receiver.bodies()) == 1


def test_what_is_told_when_the_process_ends_already_raises_nothing(receiver: Running) -> None:
    program = """
        import atexit
        import spanbook

        atexit.register(lambda: (spanbook.set_experiment("checkout"), print("told")))
    """
    done = run(program, **to(receiver), SPANBOOK_RAISE_ERRORS="0")

    assert (done.returncode, done.stdout) == (0, "told\n")


def test_a_collector_that_is_not_there_is_mentioned_once_and_holds_up_nothing() -> None:
    with socket.socket() as taken:  # bound and not listening: refused
        taken.bind(("127.0.0.1", 0))
        program = """
            import time
            import spanbook

            @spanbook.trace
            def step(): ...

            for _ in range(3):
                step()
                spanbook.flush(0.1)
            step()
        """
        endpoint = f"http://localhost:{taken.getsockname()[1]}"
        done = run(program, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="1")

    assert done.returncode == 0
    assert done.stderr.count("No collector takes traces at") == 1
    assert done.stderr.count("\n") == 2, done.stderr


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_never_answers_does_not_keep_the_process(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://localhost:{silent.getsockname()[1]}"
        done = run(APPLICATION, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)

    assert done.returncode == 0


def test_a_collector_that_answers_garbage_hurts_nobody() -> None:
    def babble(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n\xff\xff\xff\xff\xff\xff\xff")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=babble, args=(server,), daemon=True).start()
        endpoint = f"http://localhost:{server.getsockname()[1]}"
        for protocol in ("grpc", "http/protobuf"):
            done = run(
                APPLICATION,
                OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                OTEL_EXPORTER_OTLP_TIMEOUT="1",
            )
            assert done.returncode == 0
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_forked_worker_sends_its_spans_too(receiver: Running, protocol: str) -> None:
    program = """
        import os
        import spanbook

        @spanbook.trace
        def step(name): ...

        step("before")
        assert spanbook.flush(30)  # the parent has a channel of its own by now
        child = os.fork()
        step("after")
        assert spanbook.flush(30)
        if child == 0:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    done = run(program, **to(receiver, protocol))

    assert (done.returncode, done.stderr) == (0, "")
    said = sorted(attributes["spanbook.input"] for _, _, attributes in spans_in(receiver))
    assert said == ['{"name":"after"}', '{"name":"after"}', '{"name":"before"}']


def test_nothing_is_imported_for_sending_before_there_is_something_to_send() -> None:
    program = """
        import sys
        import spanbook
        spanbook.autolog()
        with spanbook.start_span("one"):
            pass
        loaded = {"grpc", "opentelemetry.exporter", "openai", "anthropic"} & sys.modules.keys()
        assert not loaded, loaded
    """
    done = run(program, OTEL_TRACES_EXPORTER="none")
    assert (done.returncode, done.stderr) == (0, "")


def test_exporters_are_chosen_by_opentelemetrys_own_variables() -> None:
    done = run(APPLICATION, OTEL_TRACES_EXPORTER="console", OTEL_SERVICE_NAME="shop")
    assert done.returncode == 0
    assert '"name": "answer"' in done.stdout
    assert "spanbook.output" not in done.stdout  # not to a collector on this machine: no content
    done = run(APPLICATION, OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.parametrize(("sampler", "told"), [("always_on", 1), ("always_off", 0), ("traceidratio", 0)])
def test_sampling_is_opentelemetrys_own(sampler: str, told: int) -> None:
    done = run(
        APPLICATION,
        OTEL_TRACES_EXPORTER="console",
        OTEL_LOGS_EXPORTER="none",
        OTEL_TRACES_SAMPLER=sampler,
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('"name": "answer"') == told


def test_headers_and_paths_are_opentelemetrys_own() -> None:
    seen = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.path, self.headers["authorization"]))
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        done = run(
            APPLICATION,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"http://localhost:{server.server_address[1]}/otlp/spans",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20key",
            OTEL_LOGS_EXPORTER="none",
        )
        server.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    assert seen == [("/otlp/spans", "Bearer key")]


def test_a_provider_that_the_application_sets_later_is_used_and_kept() -> None:
    program = """
        import spanbook
        spanbook.autolog()
        spanbook.set_experiment("checkout")

        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)

        with spanbook.start_span("one") as span:
            span.set_inputs("content")
        assert trace.get_tracer_provider() is provider
        (span,) = exporter.get_finished_spans()
        assert dict(span.attributes) == {"spanbook.experiment.name": "checkout"}, span.attributes
    """
    done = run(program, OTEL_LOGS_EXPORTER="none")  # where the experiment is told of
    assert (done.returncode, done.stderr) == (0, "")


# A worker process of `multiprocessing` ends without its exit handlers.
WORKERS = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import spanbook

@spanbook.trace
def work(number):
    return number + 1

if __name__ == "__main__":
    method, before = sys.argv[1:]
    if before == "traced before":
        work(0)
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        assert list(pool.map(work, [1, 2])) == [2, 3]
    worker = get_context(method).Process(target=work, args=(3,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""


@pytest.mark.parametrize(
    ("method", "before"),
    [("fork", "traced before"), ("fork", "not traced before"), ("forkserver", "traced before"), ("spawn", "not")],
)
def test_worker_processes_send_what_waits_when_they_end(
    receiver: Running, tmp_path: Path, method: str, before: str
) -> None:
    program = tmp_path / "workers.py"
    program.write_text(WORKERS)
    done = python(program, method, before, **to(receiver))

    assert (done.returncode, done.stderr) == (0, "")
    said = sorted(attributes["spanbook.output"] for _, _, attributes in spans_in(receiver))
    assert said == ["1", "2", "3", "4"][before != "traced before" :]


def test_a_worker_process_that_traced_nothing_makes_no_exporter(receiver: Running, tmp_path: Path) -> None:
    program = """
        import multiprocessing
        import sys
        import threading
        import spanbook

        def report():
            print("grpc" in sys.modules)

        threading._register_atexit(report)  # what is registered first comes last
        with spanbook.start_span("one"):
            pass
        worker = multiprocessing.get_context("fork").Process(target=int)
        worker.start()
        worker.join()
    """
    done = run(program, **to(receiver))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["False", "True"]  # the worker, and then its parent


@pytest.mark.parametrize("signal", ["meter", "logger"])
def test_threads_whose_first_measures_or_events_coincide_share_a_provider(signal: str) -> None:
    program = f"""
        import threading
        from spanbook import _export, _provider

        made, make, met = [], _export.make_{signal}_provider, threading.Barrier(2)

        def slowly(resource):
            made.append(1)
            try:
                met.wait(0.2)  # for the other thread, if it gets here
            except threading.BrokenBarrierError:
                pass
            return make(resource)

        _export.make_{signal}_provider = slowly
        threads = [threading.Thread(target=_provider.{signal}) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [1], made
    """
    done = run(program, OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_flush_that_fails_is_not_told_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(TracerProvider):
        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            raise OSError

    monkeypatch.setattr(_provider, "_chosen", Failing())
    _settings.configure(raise_errors=False)
    try:
        assert spanbook.flush(LONGEST) is False
    finally:
        _settings.reset()
