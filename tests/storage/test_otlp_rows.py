"""OTLP in, rows out: what ClickHouse makes of export requests, against a plain model of it in Python."""

import base64
import hashlib
import json
import math
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

NS = 10**9
DAY = 86400 * NS
LATEST = 2**63 - 1  # nanoseconds that DateTime64(9) can hold
KINDS = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
CONTENT = {
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
    "gen_ai.system_instructions": "system_instructions",
    "gen_ai.tool.definitions": "tool_definitions",
    "gen_ai.tool.call.arguments": "tool_arguments",
    "gen_ai.tool.call.result": "tool_result",
    "gen_ai.retrieval.query.text": "retrieval_query",
    "gen_ai.retrieval.documents": "retrieval_documents",
    "spanbook.input": "span_input",
    "spanbook.output": "span_output",
}

# Every example is an insert into a real store: shrinking one takes minutes, and the request is small anyway.
real_store = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

# ---- generated requests

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)  # NUL, emoji, right-to-left: all but surrogates
numbers = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(
    texts.map(lambda v: AnyValue(string_value=v)),
    st.booleans().map(lambda v: AnyValue(bool_value=v)),
    numbers.map(lambda v: AnyValue(int_value=v)),
    st.floats().map(lambda v: AnyValue(double_value=v)),
)
values = st.one_of(
    scalars,
    st.binary(max_size=20).map(lambda v: AnyValue(bytes_value=v)),
    st.just(AnyValue()),
    st.lists(scalars, min_size=1, max_size=4).map(lambda v: AnyValue(array_value=ArrayValue(values=v))),
)
names = st.one_of(texts, st.sampled_from([*CONTENT, "session.id", "gen_ai.usage.input_tokens", "service.name"]))
attributes = st.dictionaries(names, values, max_size=6).map(
    lambda found: [KeyValue(key=key, value=value) for key, value in found.items()]
)
moments = st.one_of(
    st.sampled_from([0, 1, LATEST, LATEST + 1, 2**64 - 1]),
    st.integers(0, 2**64 - 1),
    st.integers(1_790_000_000 * NS, 1_800_000_000 * NS),
)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    return Span(
        parent_span_id=draw(st.sampled_from([b"", b"\x00parent\xff"])),
        trace_state=draw(texts),
        name=draw(texts),
        kind=draw(st.integers(0, 5)),  # type: ignore[arg-type]
        start_time_unix_nano=draw(moments),
        end_time_unix_nano=draw(moments),
        attributes=draw(attributes),
        events=draw(
            st.lists(st.builds(Span.Event, time_unix_nano=moments, name=texts, attributes=attributes), max_size=2)
        ),
        links=draw(
            st.lists(
                st.builds(Span.Link, trace_id=st.just(b"l" * 16), span_id=st.just(b"l" * 8), attributes=attributes),
                max_size=2,
            )
        ),
        status=Status(code=draw(st.integers(0, 2)), message=draw(texts)),  # type: ignore[arg-type]
        flags=draw(st.integers(0, 2**32 - 1)),
        dropped_attributes_count=draw(st.integers(0, 2**32 - 1)),
    )


# ---- the model


def text(value: AnyValue) -> str | float:
    """An attribute's value as the store holds it; a double stays a number, since its digits are the engine's."""
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return value.double_value
    if kind == "array_value":
        return json.dumps([_element(element) for element in value.array_value.values])
    return "" if kind is None else str(getattr(value, kind))


def _element(value: AnyValue) -> Any:
    found = getattr(value, value.WhichOneof("value") or "string_value")
    return found if not isinstance(found, float) or math.isfinite(found) else None


def same(stored: str, expected: str | float) -> bool:
    if isinstance(expected, float):
        return float(stored) == expected or (math.isnan(expected) and stored == "nan")
    if stored != expected and stored.startswith("["):
        # A whole double has no decimal point in the store: compare as doubles.
        return bool(json.loads(stored, parse_int=float) == json.loads(expected, parse_int=float))
    return stored == expected


def assert_attributes(stored: dict[str, str], sent: Iterable[KeyValue], without: Iterable[str] = ()) -> None:
    expected = {one.key: text(one.value) for one in sent if one.key not in without}
    assert stored.keys() == expected.keys()
    for key in expected:
        assert same(stored[key], expected[key]), (key, stored[key], expected[key])


# ---- traces


@settings(real_store, max_examples=8)
@given(sent=st.lists(spans(), min_size=1, max_size=20), resource=attributes, salt=st.binary(min_size=8, max_size=8))
def test_any_span_comes_out_as_it_went_in(book: Any, sent: list[Span], resource: list[KeyValue], salt: bytes) -> None:
    received_at = time.time_ns() // 10**6 * 10**6
    trace_id = salt + time.monotonic_ns().to_bytes(8, "big")
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add(schema_url="https://example.com/1")
    envelope.resource.attributes.extend(resource)
    for number, span in enumerate(sent):
        span.trace_id, span.span_id = trace_id, number.to_bytes(8, "big")
        scope = envelope.scope_spans.add()
        scope.scope.name, scope.scope.version = "scope", "1"
        scope.spans.append(span)
    book.insert(request, tenant="acme", received_at=received_at, batch=7)

    rows = book.query(
        """SELECT toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind,
            ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode, StatusMessage, `Events.Name`,
            `Events.Attributes`, `Links.TraceId`, `Links.Attributes`, trace_flags, dropped_attributes_count,
            resource_schema_url, tenant, _batch,
            toUnixTimestamp64Milli(received_at), toUnixTimestamp(PartitionTime), ts_adjusted, ScopeName,
            arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`), session_id, input_tokens
        FROM otel_traces WHERE TraceId = {trace_id:String} ORDER BY SpanId""",
        trace_id=trace_id.hex(),
    )
    assert len(rows) == len(sent)
    for row, span in zip(rows, sent, strict=True):
        started, ended = span.start_time_unix_nano, span.end_time_unix_nano
        assert row[0] == min(started, LATEST)
        assert row[1:4] == (trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
        assert row[4:7] == (span.trace_state, span.name, KINDS[span.kind])
        service = [text(one.value) for one in resource if one.key == "service.name"]
        assert same(row[7], service[0] if service else "")
        assert_attributes(row[8], resource)
        assert_attributes(row[9], span.attributes, without=CONTENT)
        assert row[10] == max(ended - started, 0)
        assert row[11:13] == (["Unset", "Ok", "Error"][span.status.code], span.status.message)
        assert row[13] == [event.name for event in span.events]
        for stored, event in zip(row[14], span.events, strict=True):
            assert_attributes(stored, event.attributes)
        assert row[15] == [link.trace_id.hex() for link in span.links]
        for stored, link in zip(row[16], span.links, strict=True):
            assert_attributes(stored, link.attributes)
        assert row[17:22] == (span.flags, span.dropped_attributes_count, "https://example.com/1", "acme", 7)
        assert row[22] == received_at // 10**6
        held = received_at if started == 0 else max(min(started, LATEST, received_at + DAY), received_at - 90 * DAY)
        assert row[23] == held // NS
        assert row[24] == (row[23] != row[0] // NS)
        assert row[25] == "scope"
        assert row[26] == [min(event.time_unix_nano, LATEST) for event in span.events]
        tokens = next((one.value for one in span.attributes if one.key == "gen_ai.usage.input_tokens"), AnyValue())
        if tokens.WhichOneof("value") == "int_value":
            assert row[28] == (tokens.int_value if tokens.int_value >= 0 else None)


def test_content_has_columns_of_its_own_and_leaves_the_attributes(book: Any) -> None:
    request, span = one_span(b"content" + b"\0" * 9)
    for number, key in enumerate(CONTENT):
        add(span, key, f"said {number}")
    add(span, "app.kept", "kept")
    book.insert(request)
    row = book.query(
        f"SELECT SpanAttributes, {', '.join(CONTENT.values())} FROM otel_traces WHERE TraceId = '{span.trace_id.hex()}'"
    )
    assert row == [({"app.kept": "kept"}, *(f"said {number}" for number in range(len(CONTENT))))]
    (full,) = book.query(f"SELECT SpanAttributes FROM otel_traces_full WHERE TraceId = '{span.trace_id.hex()}'")
    assert full[0] == {"app.kept": "kept"} | {key: f"said {number}" for number, key in enumerate(CONTENT)}


def test_tokens_that_were_not_reported_are_null_and_zero_is_zero(book: Any) -> None:
    request, span = one_span(b"tokens" + b"\0" * 10)
    add(span, "gen_ai.usage.input_tokens", 0)
    add(span, "gen_ai.response.finish_reasons", ["stop", 'qu"ote'])
    add(span, "gen_ai.response.time_to_first_chunk", 0.25)
    book.insert(request)
    assert book.query(
        """SELECT input_tokens, output_tokens, cost_reported, time_to_first_token_ms, finish_reasons
        FROM otel_traces WHERE TraceId = {t:String}""",
        t=span.trace_id.hex(),
    ) == [(0, None, None, 250.0, ["stop", 'qu"ote'])]


def test_a_span_belongs_where_it_says_else_where_its_resource_says_else_to_its_service(book: Any) -> None:
    def digest(tenant: str, name: str) -> str:
        return hashlib.sha256(f"{tenant}\0{name}".encode()).hexdigest()[:16]

    def place(number: int, resource: dict[str, str], span: dict[str, str]) -> tuple[Any, ...]:
        request, made = one_span(b"place" + bytes([number]) * 11)
        for key, value in {"service.name": "shop", **resource}.items():
            request.resource_spans[0].resource.attributes.add(key=key).value.string_value = value
        for key, value in span.items():
            add(made, key, value)
        book.insert(request, tenant="acme")
        (row,) = book.query(
            "SELECT experiment_id, experiment_name FROM otel_traces WHERE TraceId = {t:String}", t=made.trace_id.hex()
        )
        return row

    name, identity = "spanbook.experiment.name", "spanbook.experiment.id"
    assert place(1, {}, {}) == (digest("acme", "shop"), "shop")
    assert place(2, {name: "a"}, {}) == (digest("acme", "a"), "a")
    assert place(3, {name: "a", identity: "e1"}, {}) == ("e1", "a")
    assert place(4, {name: "a", identity: "e1"}, {name: "b"}) == (digest("acme", "b"), "b")
    assert place(5, {identity: "e1"}, {identity: "e2"}) == ("e2", "shop")


def test_the_collectors_own_insert_gets_right_defaults(book: Any) -> None:
    columns = (
        "Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes,"
        " ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage, Events.Timestamp, Events.Name,"
        " Events.Attributes, Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes"
    )
    book.run(
        book.store.command(
            f"""INSERT INTO otel_traces ({columns}) SELECT now64(9), 'c0ffee', 'ab', '', '', 'chat', 'Client', 'shop',
            map('service.name', 'shop'), 's', '1', map('gen_ai.operation.name', 'chat', 'gen_ai.provider.name',
            'openai', 'gen_ai.usage.input_tokens', '12', 'gen_ai.input.messages', '[1]', 'session.id', 'x'),
            5, 'Ok', '', [], [], [], [], [], [], []"""
        )
    )
    assert book.query(
        """SELECT tenant, span_type, provider, input_tokens, output_tokens, input_messages, input_preview, session_id,
        experiment_name, ts_adjusted, received_at > now64(3) - INTERVAL 1 MINUTE,
        SpanAttributes['gen_ai.input.messages']
        FROM otel_traces WHERE TraceId = 'c0ffee'"""
    ) == [("", "llm", "openai", 12, None, "[1]", "[1]", "x", "shop", False, True, "[1]")]


def test_a_megabyte_of_prompt_and_ten_thousand_spans_go_in_at_once(book: Any) -> None:
    request, span = one_span(b"big" + b"\0" * 13)
    add(span, "gen_ai.input.messages", "word " * 200_000)
    for number in range(10_000):
        copy = request.resource_spans[0].scope_spans[0].spans.add()
        copy.trace_id, copy.span_id = b"many" + b"\0" * 12, (number + 1).to_bytes(8, "big")
        copy.start_time_unix_nano = time.time_ns()
    book.insert(request)
    assert book.query(
        "SELECT length(input_messages), length(input_preview) FROM otel_traces WHERE TraceId = {t:String}",
        t=span.trace_id.hex(),
    ) == [(1_000_000, 300)]
    assert book.query(
        "SELECT count(), uniqExact(SpanId) FROM otel_traces WHERE TraceId = {t:String}", t=(b"many" + b"\0" * 12).hex()
    ) == [(10_000, 10_000)]


# ---- logs


@settings(real_store, max_examples=8)
@given(
    body=values, sent=attributes, at=moments, observed=moments, severity=st.integers(0, 24), event=texts, words=texts
)
def test_any_log_record_comes_out_as_it_went_in(
    book: Any, body: AnyValue, sent: list[KeyValue], at: int, observed: int, severity: int, event: str, words: str
) -> None:
    trace_id = time.monotonic_ns().to_bytes(16, "big")
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add(schema_url="r").scope_logs.add(schema_url="s")
    record = scope.log_records.add(time_unix_nano=at, observed_time_unix_nano=observed, event_name=event, flags=0x101)
    record.trace_id, record.span_id, record.severity_text = trace_id, b"12345678", words
    record.severity_number = severity  # type: ignore[assignment]
    record.body.CopyFrom(body)
    record.attributes.extend(sent)
    book.insert(request, tenant="acme")
    (row,) = book.query(
        """SELECT toUnixTimestamp64Nano(Timestamp), Body, LogAttributes, EventName, SeverityNumber, SeverityText,
        TraceFlags, ResourceSchemaUrl, ScopeSchemaUrl, tenant, SpanId FROM otel_logs WHERE TraceId = {t:String}""",
        t=trace_id.hex(),
    )
    assert row[0] == min(at or observed, LATEST)
    assert same(row[1], text(body))
    assert_attributes(row[2], sent)
    assert row[3:] == (event, severity, words, 1, "r", "s", "acme", b"12345678".hex())


# ---- metrics


def test_every_kind_of_metric_has_its_table(book: Any) -> None:
    request = ExportMetricsServiceRequest()
    envelope = request.resource_metrics.add()
    envelope.resource.attributes.add(key="service.name").value.string_value = "shop"
    metrics = envelope.scope_metrics.add().metrics
    now = time.time_ns()
    gauge = metrics.add(name="g", unit="1").gauge.data_points.add(time_unix_nano=now, as_int=-7)
    gauge.attributes.add(key="region").value.string_value = "eu"
    exemplar = gauge.exemplars.add(time_unix_nano=now, as_double=0.5, span_id=b"12345678", trace_id=b"x" * 16)
    exemplar.filtered_attributes.add(key="k").value.int_value = 3
    total = metrics.add(name="s", description="what")
    total.sum.aggregation_temporality, total.sum.is_monotonic = 2, True  # type: ignore[assignment]
    total.sum.data_points.add(time_unix_nano=now, start_time_unix_nano=5, as_double=1.5, flags=1)
    histogram = metrics.add(name="h").histogram
    histogram.aggregation_temporality = 1  # type: ignore[assignment]
    histogram.data_points.add(
        time_unix_nano=now, count=3, sum=6.5, bucket_counts=[1, 2], explicit_bounds=[10], min=1, max=4
    )
    exponential = metrics.add(name="e").exponential_histogram.data_points.add(
        time_unix_nano=now, count=2, scale=-3, zero_count=1
    )
    exponential.positive.offset, exponential.negative.offset = -4, 5
    exponential.positive.bucket_counts.extend([1, 0, 2**40])
    summary = metrics.add(name="q").summary.data_points.add(time_unix_nano=now, count=2, sum=3)
    summary.quantile_values.add(quantile=0.5, value=1.25)
    book.insert(request, tenant="acme")
    assert book.query(
        """SELECT tenant, ServiceName, MetricName, MetricUnit, Value, Attributes, Exemplars.Value, Exemplars.SpanId,
        Exemplars.FilteredAttributes, toUnixTimestamp64Nano(TimeUnix) FROM otel_metrics_gauge"""
    ) == [("acme", "shop", "g", "1", -7.0, {"region": "eu"}, [0.5], [b"12345678".hex()], [{"k": "3"}], now)]
    assert book.query(
        """SELECT Value, AggregationTemporality, IsMonotonic, Flags, MetricDescription,
        toUnixTimestamp64Nano(StartTimeUnix) FROM otel_metrics_sum"""
    ) == [(1.5, 2, True, 1, "what", 5)]
    assert book.query(
        "SELECT Count, Sum, BucketCounts, ExplicitBounds, Min, Max, AggregationTemporality FROM otel_metrics_histogram"
    ) == [(3, 6.5, [1, 2], [10.0], 1.0, 4.0, 1)]
    assert book.query(
        """SELECT Count, Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, NegativeOffset, NegativeBucketCounts
        FROM otel_metrics_exponential_histogram"""
    ) == [(2, -3, 1, -4, [1, 0, 2**40], 5, [])]
    assert book.query(
        "SELECT Count, Sum, ValueAtQuantiles.Quantile, ValueAtQuantiles.Value FROM otel_metrics_summary"
    ) == [(2, 3.0, [0.5], [1.25])]


@pytest.mark.parametrize("table", ["otel_logs", "otel_metrics_gauge", "otel_metrics_sum"])
def test_every_column_has_a_comment(book: Any, table: str) -> None:
    assert (
        book.query(
            """SELECT name FROM system.columns
            WHERE database = currentDatabase() AND comment = '' AND table = {t:String}""",
            t=table,
        )
        == []
    )


def one_span(trace_id: bytes) -> tuple[ExportTraceServiceRequest, Span]:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=trace_id, span_id=b"12345678")
    span.start_time_unix_nano = time.time_ns()
    span.end_time_unix_nano = span.start_time_unix_nano + 10**6
    return request, span


def add(span: Span, key: str, value: Any) -> None:
    found = span.attributes.add(key=key).value
    if isinstance(value, list):
        for element in value:
            found.array_value.values.add().string_value = element
    elif isinstance(value, bool):
        found.bool_value = value
    elif isinstance(value, int):
        found.int_value = value
    elif isinstance(value, float):
        found.double_value = value
    else:
        found.string_value = value
