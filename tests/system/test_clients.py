"""Real OpenTelemetry SDKs, from their API to rows in SQL."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from clients import javascript
from clients.otlp import HttpClient
from running.collector import Collector

MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": "Grüße, 世界 🌍"}]}]


@pytest.fixture(params=["grpc", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Resource:
    return Resource.create({"service.name": request.node.name, "deployment.environment.name": "test"})


@pytest.fixture
def exporter(collector: Collector, transport: str) -> Iterator[SpanExporter]:
    made: SpanExporter = (
        GrpcSpans(f"http://{collector.grpc}") if transport == "grpc" else HttpSpans(f"{collector.http}/v1/traces")
    )
    yield made
    made.shutdown()


def finished(service: Resource, count: int, **attributes: Any) -> list[ReadableSpan]:
    """Spans of one trace: a root and its children."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=service, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("test", "1.2.3")
    with tracer.start_as_current_span("root", attributes=attributes):
        for _ in range(count - 1):
            tracer.start_span("chat gpt-4o", kind=trace.SpanKind.CLIENT, attributes=attributes).end()
    provider.shutdown()
    return list(memory.get_finished_spans())


def arrived(collector: Collector, service: Resource, count: int, table: str = "otel_traces") -> str:
    """Wait until so many rows of the service are there; returns its name."""
    name = str(service.attributes["service.name"])
    query = f"SELECT count() FROM {table} WHERE ServiceName = {{name:String}}"
    collector.wait_until(lambda: collector.value(query, name=name) >= count, f"{count} rows in {table}")
    return name


def test_nested_values_arrive_as_json_and_plain_ones_as_they_are(
    collector: Collector, exporter: SpanExporter, service: Resource
) -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": MESSAGES,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "app.nested": {"a": [1, {"b": None}], "c": 0.5},
        "app.flag": True,
    }
    assert exporter.export(finished(service, 2, **attributes)) is SpanExportResult.SUCCESS
    name = arrived(collector, service, 2)
    (row,) = collector.query(
        "SELECT input_messages, input_tokens, finish_reasons, c.attributes, c.scope_name FROM llm_calls "
        "JOIN spans AS c ON c.span_id = llm_calls.span_id "
        "WHERE c.service_name = {name:String} AND c.parent_span_id IS NOT NULL",
        name=name,
    )
    assert json.loads(row[0]) == MESSAGES
    assert row[1:3] == [12, ["stop", "length"]]
    assert json.loads(row[3]["app.nested"]) == attributes["app.nested"]
    assert row[3]["app.flag"] == "true"
    assert row[4] == "test"


def test_a_prompt_of_a_megabyte_arrives_whole(collector: Collector, exporter: SpanExporter, service: Resource) -> None:
    prompt = "tell me a story " * 65536
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": prompt}
    assert exporter.export(finished(service, 1, **attributes)) is SpanExportResult.SUCCESS
    name = arrived(collector, service, 1)
    query = "SELECT input_messages FROM otel_traces WHERE ServiceName = {name:String}"
    assert collector.value(query, name=name) == prompt


def test_ten_thousand_spans_in_a_request_are_ten_thousand_rows(
    collector: Collector, exporter: SpanExporter, service: Resource
) -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3}
    assert exporter.export(finished(service, 10_000, **attributes)) is SpanExportResult.SUCCESS
    name = arrived(collector, service, 10_000)
    distinct = (
        "SELECT count(), uniqExact(SpanId), uniqExact(TraceId) FROM otel_traces WHERE ServiceName = {name:String}"
    )
    assert collector.query(distinct, name=name) == [[10_000, 10_000, 1]]
    whole = "SELECT span_count FROM traces WHERE service_name = {name:String}"
    collector.wait_until(lambda: collector.query(whole, name=name) == [[10_000]], "one whole trace")


def test_log_records_arrive_with_trace_severity_body_and_attributes(
    collector: Collector, transport: str, service: Resource
) -> None:
    exporter = GrpcLogs(f"http://{collector.grpc}") if transport == "grpc" else HttpLogs(f"{collector.http}/v1/logs")
    provider = LoggerProvider(resource=service, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    record = LogRecord(
        timestamp=(now := time.time_ns()),
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body={"said": ["a", 1]},
        attributes={"app.step": 3},
        event_name="app.step",
    )
    provider.get_logger("app").emit(record)
    provider.shutdown()
    name = arrived(collector, service, 1, "otel_logs")
    columns = "EventName, SeverityText, SeverityNumber, Body, LogAttributes['app.step']"
    columns += ", toUnixTimestamp64Nano(Timestamp)"
    rows = collector.query(f"SELECT {columns} FROM otel_logs WHERE ServiceName = {{name:String}}", name=name)
    assert [rows[0][:3], json.loads(rows[0][3]), rows[0][4:]] == [
        ["app.step", "WARN", 13],
        {"said": ["a", 1]},
        ["3", now],
    ]


def test_metrics_of_the_sdk_arrive_in_the_table_of_their_kind(
    collector: Collector, transport: str, service: Resource
) -> None:
    exporter = (
        GrpcMetrics(f"http://{collector.grpc}") if transport == "grpc" else HttpMetrics(f"{collector.http}/v1/metrics")
    )
    exponential = View(
        instrument_type=Histogram, instrument_name="wide", aggregation=ExponentialBucketHistogramAggregation()
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    provider = MeterProvider([reader], service, views=[exponential], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    meter.create_counter("tokens", "1").add(7, {"model": "gpt-4o"})
    meter.create_gauge("temperature").set(0.5)
    for value in (1, 30, 400):
        meter.create_histogram("duration", "ms").record(value)
        meter.create_histogram("wide").record(value)
    assert provider.force_flush()
    provider.shutdown()
    for kind in ("sum", "gauge", "histogram", "exponential_histogram"):  # one insert, but a table after the other
        name = arrived(collector, service, 1, f"otel_metrics_{kind}")
    assert metric(collector, "sum", name, "MetricName, Value, IsMonotonic, AggregationTemporality, Attributes") == [
        ["tokens", 7, True, 2, {"model": "gpt-4o"}]
    ]
    assert metric(collector, "gauge", name, "MetricName, Value") == [["temperature", 0.5]]
    assert metric(collector, "histogram", name, "MetricName, Count, Sum, Min, Max, arraySum(BucketCounts)") == [
        ["duration", 3, 431, 1, 400, 3]
    ]
    columns = "MetricName, Count, Sum, arraySum(PositiveBucketCounts)"
    assert metric(collector, "exponential_histogram", name, columns) == [["wide", 3, 431, 3]]


def test_a_summary_which_no_sdk_makes_any_more_arrives(collector: Collector, service: Resource) -> None:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    name = str(service.attributes["service.name"])
    resource.resource.attributes.add(key="service.name").value.string_value = name
    point = resource.scope_metrics.add().metrics.add(name="latency").summary.data_points.add(count=4, sum=10.0)
    point.quantile_values.add(quantile=0.5, value=2.5)
    client = HttpClient(collector.ports["http"])
    assert client.send(request.SerializeToString(), "metrics").code == 0
    client.close()
    arrived(collector, service, 1, "otel_metrics_summary")
    columns = "MetricName, Count, Sum, ValueAtQuantiles.Quantile, ValueAtQuantiles.Value"
    assert metric(collector, "summary", name, columns) == [["latency", 4, 10, [0.5], [2.5]]]


def metric(collector: Collector, kind: str, service: str, columns: str) -> list[list[Any]]:
    query = f"SELECT {columns} FROM otel_metrics_{kind} WHERE ServiceName = {{name:String}}"
    return collector.query(query, name=service)


@pytest.fixture(scope="module")
def node() -> Path:
    return javascript.install()


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_spans_of_the_javascript_sdk_arrive(collector: Collector, node: Path, encoding: str) -> None:
    name = f"from JavaScript as {encoding}"
    assert javascript.send(node, encoding, f"{collector.http}/v1/traces", 10, name) == {"code": 0}
    query = "SELECT input_tokens, finish_reasons, input_messages FROM otel_traces WHERE SpanName = {name:String}"
    collector.wait_until(lambda: len(collector.query(query, name=name)) == 10, "ten rows")
    rows = sorted(collector.query(query, name=name))
    assert [row[0] for row in rows] == [*range(10)]
    assert rows[0][1] == ["stop", "length"]
    assert json.loads(rows[0][2]) == [{"role": "user", "content": "Grüße, 世界 🌍"}]
