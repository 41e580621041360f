"""The tables of the OpenTelemetry Collector's ClickHouse exporter: its columns since v0.151, and what it inserts."""

import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DAY = 86_400 * 10**9
POINT = """
    ResourceAttributes ResourceSchemaUrl ScopeName ScopeVersion ScopeAttributes ScopeDroppedAttrCount ScopeSchemaUrl
    ServiceName MetricName MetricDescription MetricUnit Attributes StartTimeUnix TimeUnix
"""
EXEMPLARS = "Exemplars.FilteredAttributes Exemplars.TimeUnix Exemplars.Value Exemplars.SpanId Exemplars.TraceId"
DISTRIBUTION = f"{EXEMPLARS} Flags Min Max AggregationTemporality"
COLUMNS = {
    "otel_logs": """
        Timestamp TraceId SpanId TraceFlags SeverityText SeverityNumber ServiceName Body ResourceSchemaUrl
        ResourceAttributes ScopeSchemaUrl ScopeName ScopeVersion ScopeAttributes LogAttributes EventName""",
    "otel_metrics_gauge": f"{POINT} Value Flags {EXEMPLARS}",
    "otel_metrics_sum": f"{POINT} Value Flags {EXEMPLARS} AggregationTemporality IsMonotonic",
    "otel_metrics_histogram": f"{POINT} Count Sum BucketCounts ExplicitBounds {DISTRIBUTION}",
    "otel_metrics_exponential_histogram": f"""
        {POINT} Count Sum Scale ZeroCount PositiveOffset PositiveBucketCounts NegativeOffset NegativeBucketCounts
        {DISTRIBUTION}""",
    "otel_metrics_summary": f"{POINT} Count Sum ValueAtQuantiles.Quantile ValueAtQuantiles.Value Flags",
}


@pytest.mark.parametrize("table", COLUMNS)
def test_the_collectors_columns_come_first_and_its_inserts_are_taken(book: Any, table: str) -> None:
    described = book.query(f"DESCRIBE TABLE {table}")
    names = COLUMNS[table].split()
    assert [column[0] for column in described][: len(names)] == names
    types = {column[0]: column[1] for column in described}
    values = ("now64(9)" if name in ("Timestamp", "TimeUnix") else _nothing(types[name]) for name in names)
    columns = ", ".join(f"`{name}`" for name in names)
    book.run(book.store.command(f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)}"))
    recent = "received_at > now64(3) - INTERVAL 1 MINUTE, PartitionTime > now() - INTERVAL 1 MINUTE"
    assert book.query(f"SELECT tenant, {recent} FROM {table}") == [("", 1, 1)]


def _nothing(type_name: str) -> str:
    return "defaultValueOfTypeName('{}')".format(type_name.replace("'", "\\'"))


def test_times_of_four_hundred_days_go_in_at_once_and_into_few_partitions(book: Any) -> None:
    now = time.time_ns()
    traces, logs, metrics = ExportTraceServiceRequest(), ExportLogsServiceRequest(), ExportMetricsServiceRequest()
    spans = traces.resource_spans.add().scope_spans.add().spans
    records = logs.resource_logs.add().scope_logs.add().log_records
    points = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="absurd").sum.data_points
    for number in range(400):
        at = now + (number - 300) * DAY
        spans.add(trace_id=b"absurd" + number.to_bytes(10, "big"), span_id=b"absurd..", start_time_unix_nano=at)
        records.add(time_unix_nano=at, severity_text="absurd")
        points.add(time_unix_nano=at, as_int=number)
    for request in (traces, logs, metrics):
        book.insert(request)
    kept = {"otel_traces": "TraceId LIKE '616273757264%'", "otel_logs": "SeverityText = 'absurd'"}
    kept["otel_metrics_sum"] = "MetricName = 'absurd'"
    for table, condition in kept.items():
        [[rows, days]] = book.query(f"SELECT count(), uniqExact(toDate(PartitionTime)) FROM {table} WHERE {condition}")
        assert rows == 400
        assert days <= 92
