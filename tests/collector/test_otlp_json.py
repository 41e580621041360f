import base64
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanbook_collector.processors.check import check
from spanbook_collector.processors.errors import Refused
from spanbook_collector.receivers.otlp_json import from_json
from spanbook_schemas.signals import Signal

REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
IDS = ("traceId", "spanId", "parentSpanId")
signals = pytest.mark.parametrize("signal", Signal)


def hex_ids(value: Any) -> Any:
    """json_format writes ids in base64, OTLP/JSON in hex."""
    if isinstance(value, list):
        return [hex_ids(each) for each in value]
    if isinstance(value, dict):
        return {
            key: base64.b64decode(each).hex() if key in IDS and isinstance(each, str) else hex_ids(each)
            for key, each in value.items()
        }
    return value


@signals
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_protobufs_own_json_writes_is_read_as_the_same_message(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    request = data.draw(valid_requests(signal))
    numbers = data.draw(st.booleans())
    written = hex_ids(json_format.MessageToDict(request, use_integers_for_enums=numbers))
    read = REQUESTS[signal].FromString(from_json(signal, orjson.dumps(written)))
    # JSON has one NaN: its sign and payload are protobuf's alone.
    same = json_format.ParseDict(json_format.MessageToDict(request), REQUESTS[signal]())
    assert read.SerializeToString(deterministic=True) == same.SerializeToString(deterministic=True)


@signals
@given(data=st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_the_json_it_is_refused_or_protobuf(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    written = hex_ids(json_format.MessageToDict(data.draw(valid_requests(signal))))
    anything = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70).map(float) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        max_leaves=4,
    )
    holders = list(containers(written))
    for _ in range(data.draw(st.integers(0, 3))):
        holder = data.draw(st.sampled_from(holders))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if keys:
            holder[data.draw(st.sampled_from(keys))] = data.draw(anything)
    body = orjson.dumps(written)
    with suppress(Refused):
        REQUESTS[signal].FromString(from_json(signal, body))


def containers(value: Any) -> Any:
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from containers(each)


@pytest.mark.parametrize("signal", Signal)
def test_bodies_of_the_javascript_sdk_need_no_mending(signal: Signal) -> None:
    body = (Path(__file__).parent / "data" / "otlp" / f"js-sdk-{signal}.json").read_bytes()
    request = from_json(signal, body)
    checked = check(signal, request)
    assert checked.body is request
    assert checked.items > 0
    written = hex_ids(json_format.MessageToDict(REQUESTS[signal].FromString(request), use_integers_for_enums=True))
    read = REQUESTS[signal].FromString(from_json(signal, orjson.dumps(written)))
    assert read == REQUESTS[signal].FromString(request)


def span_from(**fields: Any) -> Span:
    """What becomes of a span's JSON fields."""
    return span_of(orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}))


def span_of(body: bytes) -> Span:
    request = ExportTraceServiceRequest.FromString(from_json(Signal.TRACES, body))
    return request.resource_spans[0].scope_spans[0].spans[0]


def value_from(value: Any) -> AnyValue:
    return span_from(attributes=[{"key": "k", "value": value}]).attributes[0].value


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"traceId": "AB" * 16, "spanId": "ab" * 8}, Span(trace_id=b"\xab" * 16, span_id=b"\xab" * 8)),
        ({"parentSpanId": ""}, Span()),
        ({"parentSpanId": None, "name": None, "attributes": None, "status": None}, Span()),
        ({"startTimeUnixNano": "18446744073709551615"}, Span(start_time_unix_nano=2**64 - 1)),
        ({"endTimeUnixNano": 5}, Span(end_time_unix_nano=5)),
        ({"startTimeUnixNano": 1.0e18}, Span(start_time_unix_nano=10**18)),
        ({"kind": 3}, Span(kind=Span.SPAN_KIND_CLIENT)),
        ({"kind": "SPAN_KIND_CLIENT"}, Span(kind=Span.SPAN_KIND_CLIENT)),
        ({"kind": "3"}, Span(kind=Span.SPAN_KIND_CLIENT)),
        ({"kind": "SPAN_KIND_NEW"}, Span()),
        ({"kind": -1}, Span(kind=-1)),
        ({"trace_id": "ab" * 16, "start_time_unix_nano": 1, "invented": {"deep": [1]}}, Span()),
        ({"attributes": [None]}, Span()),
        ({"flags": 4294967295, "droppedAttributesCount": "7"}, Span(flags=2**32 - 1, dropped_attributes_count=7)),
    ],
    ids=range(14),
)
def test_fields_of_a_span(fields: dict[str, Any], expected: Span) -> None:
    assert span_from(**fields) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "-9223372036854775808"}, AnyValue(int_value=-(2**63))),
        ({"intValue": -1}, AnyValue(int_value=-1)),
        ({"doubleValue": "Infinity"}, AnyValue(double_value=float("inf"))),
        ({"doubleValue": "-Infinity"}, AnyValue(double_value=float("-inf"))),
        ({"doubleValue": "1.5e3"}, AnyValue(double_value=1500.0)),
        ({"doubleValue": 2}, AnyValue(double_value=2.0)),
        ({"boolValue": False}, AnyValue(bool_value=False)),
        ({"bytesValue": "//4="}, AnyValue(bytes_value=b"\xff\xfe")),
        ({"bytesValue": "__4"}, AnyValue(bytes_value=b"\xff\xfe")),
        ({"stringValue": "a\0é"}, AnyValue(string_value="a\0é")),
        ({"stringValue": None}, AnyValue()),
        ({}, AnyValue()),
        (None, AnyValue()),
        ({"stringValueStrindex": 4}, AnyValue()),
        ({"arrayValue": {}}, AnyValue(array_value={})),
        ({"arrayValue": {"values": [None, {"intValue": 1}]}}, AnyValue(array_value={"values": [{}, {"int_value": 1}]})),
        ({"kvlistValue": {"values": [{"key": "a"}]}}, AnyValue(kvlist_value={"values": [{"key": "a"}]})),
    ],
    ids=range(17),
)
def test_values(value: Any, expected: AnyValue) -> None:
    assert value_from(value) == expected


def test_not_a_number_is_a_number() -> None:
    assert str(value_from({"doubleValue": "NaN"}).double_value) == "nan"


@pytest.mark.parametrize("trace_id", ["", "xyz", "ab" * 15, "ab " * 16, "zz" * 16, "q83vASNFZ4mrze8BI0VniQ=="])
def test_a_bad_id_costs_its_own_span_only(trace_id: str) -> None:
    good = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    spans = [good, {**good, "traceId": trace_id}, good]
    body = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    checked = check(Signal.TRACES, from_json(Signal.TRACES, body))
    assert (checked.items, checked.rejected) == (2, 1)


def test_an_empty_log_body_is_absent() -> None:
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":null}]}]}]}'
    request = ExportLogsServiceRequest.FromString(from_json(Signal.LOGS, body))
    assert not request.resource_logs[0].scope_logs[0].log_records[0].HasField("body")


def test_of_doubled_names_the_last_counts() -> None:
    assert span_of(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","name":"b"}]}]}]}') == Span(name="b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"cut \ud83d", "cut �"),
        (rb"\ude00 cut", "� cut"),
        (rb"whole \ud83d\ude00 and \\ud83d and \n\ud83d\ud83d", "whole 😀 and \\ud83d and \n��"),
        (b"not utf8 \xff", "not utf8 �"),
    ],
    ids=range(4),
)
def test_broken_text_is_repaired(text: bytes, expected: str) -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"' + text + b'"}]}]}]}'
    assert span_of(body) == Span(name=expected)


def test_values_nested_too_deeply_are_cut_by_check() -> None:
    value = '{"arrayValue":{"values":[' * 200 + "{}" + "]}}" * 200
    span = f'{{"traceId":"{"ab" * 16}","spanId":"{"cd" * 8}","attributes":[{{"key":"k","value":{value}}}]}}'.encode()
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + span + b"]}]}]}"
    assert check(Signal.TRACES, from_json(Signal.TRACES, body)).repairs == {"too_deep": 1}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[]", r"\$ is a list, it must be an object"),
        (b'"secret"', r"\$ is a string, it must be an object"),
        (b'{"resourceSpans":{}}', r"\$.resourceSpans is an object, it must be a list"),
        (b'{"resourceSpans":[{},{"scopeSpans":[7]}]}', r"\$.resourceSpans\[1\].scopeSpans\[0\] is a number"),
        (b"{", "not JSON: malformed at line 1"),
        (b'{"a":1e400}', "not JSON: malformed"),
        (b"[" * 100_000, "not JSON: malformed"),
        (b"[" + b"{}," * 1_500_000 + b"{}]", "more than 2000000 values"),
    ],
    ids=range(8),
)
def test_what_is_no_otlp_json_is_refused_with_its_place(body: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        from_json(Signal.TRACES, body)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": 5}, "name is a number, it must be a string"),
        ({"traceId": 5}, "traceId is a number"),
        ({"startTimeUnixNano": "hunter2"}, "startTimeUnixNano is a string, it must be a whole number"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano is out of range"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano is a number, it must be a whole number"),
        ({"startTimeUnixNano": True}, "startTimeUnixNano is a boolean"),
        ({"startTimeUnixNano": 1e30}, "startTimeUnixNano is out of range"),
        ({"attributes": [{"value": {"intValue": "1_0"}}]}, r"attributes\[0\].value.intValue is a string"),
        ({"attributes": [{"value": {"boolValue": "hunter2"}}]}, r"attributes\[0\].value.boolValue is a string"),
        (
            {"attributes": [{"value": {"doubleValue": "hunter2"}}]},
            r"attributes\[0\].value.doubleValue is a string",
        ),
        (
            {"attributes": [{"value": {"bytesValue": "hunter2!"}}]},
            r"attributes\[0\].value.bytesValue is a string",
        ),
        ({"attributes": [{}, {"value": "hunter2"}]}, r"attributes\[1\].value is a string, it must be an object"),
        ({"status": []}, "status is a list, it must be an object"),
    ],
    ids=range(13),
)
def test_the_place_is_named_and_never_the_content(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=r"\$.resourceSpans\[0\].scopeSpans\[0\].spans\[0\]." + why) as refused:
        span_from(**fields)
    assert "hunter2" not in str(refused.value)


def test_many_brackets_in_texts_are_not_many_values() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"' + b"[," * 1_200_000 + b'"}]}]}]}'
    assert len(span_of(body).name) == 2_400_000


@signals
@pytest.mark.parametrize("body", [b"", b" ", b"{}", b"\n"], ids=range(4))
def test_empty_bodies_are_empty_requests(signal: Signal, body: bytes) -> None:
    assert from_json(signal, body) == b""
