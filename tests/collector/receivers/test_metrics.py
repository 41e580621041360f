"""What the receiver counts, alone and as one of several processes."""

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import REGISTRY

from clients.otlp import Client, GrpcClient, HttpClient, one_of, spans
from clients.receiver import Running


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"spanbook_{name}", labels) or 0.0


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_what_was_received_is_counted_by_signal_and_transport(client: Client, signal: str) -> None:
    labels = {"signal": signal, "transport": client.transport}
    names = ("received_requests_total", "received_items_total", "received_bytes_total")
    before = [value(name, **labels) for name in names]
    body = spans(7) if signal == "traces" else one_of(signal)
    client.send(body, signal)
    found = [value(name, **labels) - old for name, old in zip(names, before, strict=True)]
    assert found == [1, 7 if signal == "traces" else 1, len(body)]


def test_refusals_are_counted_by_reason(client: Client) -> None:
    labels = {"transport": client.transport, "reason": "bad_data"}
    before = value("refused_requests_total", **labels)
    client.send(b"\xff")
    assert value("refused_requests_total", **labels) - before == 1


def test_rejected_and_repaired_items_are_counted(client: Client) -> None:
    request = ExportTraceServiceRequest.FromString(spans(2))
    first, second = request.resource_spans[0].scope_spans[0].spans
    first.trace_id, second.name = b"short", "kept"
    body = request.SerializeToString().replace(b"kept", b"\xff\xfe\xfdx")
    rejected, repaired = (
        value("rejected_items_total", signal="traces"),
        value("repairs_total", signal="traces", kind="utf8"),
    )
    client.send(body)
    assert value("rejected_items_total", signal="traces") - rejected == 1
    assert value("repairs_total", signal="traces", kind="utf8") - repaired == 1


def test_nothing_is_held_when_all_is_answered(client: Client, receiver: Running) -> None:
    client.send(spans(10, 1000))
    assert value("in_flight_bytes") == 0


def test_connections_are_counted_while_they_are_open(http: HttpClient, grpc_client: GrpcClient) -> None:
    http.send(spans())
    assert value("http_connections") >= 1


def test_another_process_can_read_what_was_counted(tmp_path: Path) -> None:
    counting = "from spanbook_collector import metrics as m; m.REFUSED_REQUESTS.labels('grpc', 'busy').inc(3)"
    reading = (
        "from prometheus_client import CollectorRegistry, generate_latest, multiprocess;"
        "registry = CollectorRegistry(); multiprocess.MultiProcessCollector(registry);"
        "print(generate_latest(registry).decode())"
    )
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", counting], env=environment, check=True)
    done = subprocess.run([sys.executable, "-c", reading], env=environment, check=True, capture_output=True, text=True)
    assert 'spanbook_refused_requests_total{reason="busy",transport="grpc"} 6.0' in done.stdout
