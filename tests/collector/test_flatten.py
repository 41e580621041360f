import base64
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanbook_collector.processors.flatten import flatten
from spanbook_collector.processors.wire import encoded
from spanbook_schemas.signals import Signal

REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
NESTED = ("array_value", "kvlist_value", "bytes_value")


def a_list(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def a_map(**values: AnyValue) -> AnyValue:
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=key, value=each) for key, each in values.items()]))


def text(content: str) -> AnyValue:
    return AnyValue(string_value=content)


def flattened(value: AnyValue) -> AnyValue:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="n")
    span.attributes.add(key="k").value.CopyFrom(value)
    request = ExportTraceServiceRequest.FromString(flatten(Signal.TRACES, request.SerializeToString()))
    return request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (a_map(), "{}"),
        (a_list(), "[]"),
        (
            a_map(a=AnyValue(int_value=2**63 - 1), b=a_list(text("é"), AnyValue())),
            '{"a":9223372036854775807,"b":["é",null]}',
        ),
        (a_list(a_map(role=text("user"))), '[{"role":"user"}]'),
        (a_list(a_list(AnyValue(bool_value=False))), "[[false]]"),
        (a_list(AnyValue(bytes_value=b"\xff")), '["/w=="]'),
        (AnyValue(bytes_value=b"\xff\xfe"), "//4="),
        (AnyValue(bytes_value=b""), ""),
        (
            a_list(a_list(*(AnyValue(double_value=float(number)) for number in ("nan", "inf", "-inf", "1.5")))),
            '[["NaN","Infinity","-Infinity",1.5]]',
        ),
        (a_map(long=text("x" * 900)), '{"long":"' + "x" * 900 + '"}'),
    ],
    ids=range(10),
)
def test_nested_values_become_json_text(value: AnyValue, expected: str) -> None:
    assert flattened(value) == text(expected)


def test_of_a_doubled_key_in_a_map_the_last_counts() -> None:
    twice = KeyValueList(values=[KeyValue(key="k", value=text("1")), KeyValue(key="k", value=text("2"))])
    assert flattened(AnyValue(kvlist_value=twice)) == text('{"k":"2"}')


def test_a_list_or_map_with_a_padded_length_is_found() -> None:
    value = b"\x32\x00"
    attribute = b"\x12" + b"\x82\x80\x00" + value
    span = b"\x4a" + encoded(len(attribute)) + attribute
    scope = b"\x12" + encoded(len(span)) + span
    resource = b"\x12" + encoded(len(scope)) + scope
    out = flatten(Signal.TRACES, b"\x0a" + encoded(len(resource)) + resource)
    assert ExportTraceServiceRequest.FromString(out).resource_spans[0].scope_spans[0].spans[0].attributes[
        0
    ].value == text("{}")


PLAIN = [
    AnyValue(),
    text("x"),
    text("\x12\x052\x0a* **text** that looks like it \x12\x7f\x32 \x12\x03\x2a\x12\x12\x2a\x32"),
    AnyValue(int_value=-1),
    a_list(text("a"), AnyValue(int_value=1), AnyValue(), AnyValue(double_value=0.5)),
    a_list(text("\n* item\n22\n: x")),
]


@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_scalars_and_lists_of_scalars_leave_as_the_very_object_that_came(value: AnyValue) -> None:
    traces, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
    span = traces.resource_spans.add().scope_spans.add().spans.add(name="**2**: *2")
    span.attributes.add(key="k").value.CopyFrom(value)
    logs.resource_logs.add().scope_logs.add().log_records.add().body.CopyFrom(value)
    for signal, request in ((Signal.TRACES, traces), (Signal.LOGS, logs)):
        body = request.SerializeToString()
        assert flatten(signal, body) is body


def test_only_the_span_that_holds_something_nested_is_written_again() -> None:
    unusual = b"\x30\x01\x2a\x01x"  # kind before name: upb would write them the other way round
    plain = b"\x12" + encoded(len(unusual)) + unusual
    span = ExportTraceServiceRequest()
    span.resource_spans.add().scope_spans.add().spans.add().attributes.add(key="k", value=a_map())
    (nested,) = span.resource_spans[0].scope_spans
    scope = plain + nested.SerializeToString() + plain
    resource = b"\x12" + encoded(len(scope)) + scope
    out = flatten(Signal.TRACES, b"\x0a" + encoded(len(resource)) + resource)
    assert out.count(plain) == 2
    spans = ExportTraceServiceRequest.FromString(out).resource_spans[0].scope_spans[0].spans
    assert [len(each.attributes) for each in spans] == [0, 1, 0]
    assert spans[1].attributes[0].value == text("{}")


@pytest.mark.parametrize("signal", Signal)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_flatten_does_what_a_plain_walk_over_the_message_does(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    request = data.draw(valid_requests(signal))
    body = request.SerializeToString()
    out = flatten(signal, body)
    changed = plain_walk(request)
    assert REQUESTS[signal].FromString(out) == request or nan_in(request)
    assert (out is body) == (not changed)
    assert flatten(signal, out) is out


def nan_in(message: Message) -> bool:
    return "nan" in str(message)


def plain_walk(message: Message) -> int:
    """Flatten in place; returns how many values."""
    changed = 0
    for field, value in list(message.ListFields()):
        if field.message_type is None:
            continue
        for inner in value if field.is_repeated else [value]:
            if isinstance(inner, AnyValue):
                kind = inner.WhichOneof("value")
                if kind in NESTED and not (kind == "array_value" and scalars(inner)):
                    plain = plain_json(inner)
                    inner.string_value = plain if isinstance(plain, str) else orjson.dumps(plain).decode()
                    changed += 1
            else:
                changed += plain_walk(inner)
    return changed


def scalars(value: AnyValue) -> bool:
    elements = value.array_value.values
    return bool(elements) and not any(each.WhichOneof("value") in NESTED for each in elements)


def plain_json(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [plain_json(each) for each in value.array_value.values]
        case "kvlist_value":
            return {entry.key: plain_json(entry.value) for entry in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value":
            return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(
                str(value.double_value), value.double_value
            )
        case kind:
            return getattr(value, kind)
