"""What a request goes through before the queue: what a rule blanks is on no disk, and each signal counts its own."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from clients.otlp import Client, HttpClient, one_of, spans
from clients.receiver import Running, config_in
from spanbook_collector.config import Config, Redaction

Start = Callable[..., Running]
Connect = Callable[[Running], Client]

SECRET = b"sk-0123456789"
TOO_LONG = "x" * (17 * 1024 * 1024)


def redacting(tmp_path: Path) -> Config:
    rules = (Redaction(pattern=r"sk-\d+"), Redaction(names=("user.*",), replacement="-"))
    return replace(config_in(tmp_path / "data"), redact=rules)


def on_disk(receiver: Running) -> bytes:
    return b"".join(file.read_bytes() for file in (receiver.config.data / "queue").rglob("*") if file.is_file())


def test_what_a_rule_blanks_is_never_on_disk(start: Start, connect: Connect, tmp_path: Path) -> None:
    receiver = start(redacting(tmp_path))
    client = connect(receiver)
    body = spans(2, **{"text": f"my key is {SECRET.decode()}, thanks", "user.name": "Ann Example"})
    for _ in range(2):  # the second is a repetition, which its bytes before redaction tell
        assert client.send(body).code == 0
    [stored] = receiver.bodies()
    assert b"my key is [redacted], thanks" in stored
    for secret in (SECRET, b"Ann Example"):
        assert secret in body
        assert secret not in on_disk(receiver)


def test_json_is_blanked_like_protobuf(start: Start, tmp_path: Path) -> None:
    receiver = start(redacting(tmp_path))
    http = HttpClient(receiver.http_port)
    record = {"body": {"stringValue": f"key {SECRET.decode()}"}, "attributes": [{"key": "user.id", "value": {}}]}
    request = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    assert http.request("POST", "/v1/logs", request, {"content-type": "application/json"})[0] == 200
    assert b"key [redacted]" in receiver.bodies()[0]
    assert SECRET not in on_disk(receiver)
    http.close()


def test_without_rules_what_comes_is_what_is_queued(client: Client, receiver: Running) -> None:
    body = spans(1, text=f"{SECRET.decode()} {client.transport}")
    assert client.send(body).code == 0
    assert body in receiver.bodies()


def test_a_log_record_that_is_too_long_is_rejected_beside_a_good_one(client: Client) -> None:
    request = ExportLogsServiceRequest.FromString(one_of("logs"))
    bad = request.resource_logs[0].scope_logs[0].log_records.add(time_unix_nano=1)
    bad.body.string_value = TOO_LONG
    answer = client.send(request.SerializeToString(), "logs")
    assert (answer.code, answer.rejected) == (0, 1)
    assert answer.message.startswith("1 log records rejected")


def test_the_points_of_a_metric_that_is_too_long_are_rejected_beside_a_good_one(client: Client) -> None:
    request = ExportMetricsServiceRequest.FromString(one_of("metrics"))
    bad = request.resource_metrics[0].scope_metrics[0].metrics.add(name="long", description=TOO_LONG)
    for value in (1, 2):
        bad.sum.data_points.add(as_int=value)
    answer = client.send(request.SerializeToString(), "metrics")
    assert (answer.code, answer.rejected) == (0, 2)
    assert answer.message.startswith("2 data points rejected")
