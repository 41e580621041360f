from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanbook_collector.config import Redaction
from spanbook_collector.processors.check import check
from spanbook_collector.processors.redact import redact
from spanbook_collector.processors.wire import encoded
from spanbook_schemas.signals import Signal

SECRET = "sk-live-4242"
REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
KEYS = (Redaction(pattern=r"sk-\w+-\d+"),)
PASSWORDS = (Redaction(names=("*password*", "http.request.header.authorization"), replacement="-"),)
signals = pytest.mark.parametrize("signal", Signal)


def text(content: str) -> AnyValue:
    return AnyValue(string_value=content)


def redacted_span(span: Span, *rules: Redaction) -> Span:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    request = ExportTraceServiceRequest.FromString(redact(Signal.TRACES, request.SerializeToString(), rules))
    return request.resource_spans[0].scope_spans[0].spans[0]


@signals
def test_without_rules_nothing_is_looked_at(signal: Signal) -> None:
    body = b"not even protobuf"
    assert redact(signal, body, ()) is body


@signals
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_no_rule_names_leaves_as_the_very_object_that_came(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    body = data.draw(valid_requests(signal)).SerializeToString()
    assert redact(signal, body, KEYS + PASSWORDS) is body


@signals
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_text_of_a_request_keeps_what_a_pattern_names(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    request = data.draw(valid_requests(signal))
    put_into_every_text(request)
    body = check(signal, request.SerializeToString()).body
    out = redact(signal, body, KEYS)
    assert SECRET.encode() not in out
    assert check(signal, out).body is out


def put_into_every_text(message: Message) -> None:
    for field, value in list(message.ListFields()):
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                put_into_every_text(inner)
        elif field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, f"{value} {SECRET}")
        elif field.type == FieldDescriptor.TYPE_STRING:
            value[:] = [SECRET for _ in value]
        elif field.name == "bytes_value":
            message.bytes_value = SECRET.encode()  # type: ignore[attr-defined]


def test_the_name_and_the_status_of_a_span_are_texts_too() -> None:
    span = Span(name=f"GET /?key={SECRET}", status=Status(message=f"bad key {SECRET}", code=2))
    expected = Span(name="GET /?key=[redacted]", status=Status(message="bad key [redacted]", code=2))
    assert redacted_span(span, *KEYS) == expected


def test_a_named_attribute_is_blanked_wherever_it_stands() -> None:
    value = AnyValue()
    value.kvlist_value.values.add(key="db.Password", value=AnyValue(int_value=1))
    value.kvlist_value.values.add(key="user", value=text("ada"))
    attributes = [
        KeyValue(key="PASSWORD", value=text("hunter2")),
        KeyValue(key="http.request.header.authorization", value=AnyValue(array_value={"values": [text("Bearer x")]})),
        KeyValue(key="passwor", value=text("kept")),
        KeyValue(key="nested", value=value),
    ]
    span = redacted_span(
        Span(
            attributes=attributes, events=[Span.Event(attributes=attributes)], links=[Span.Link(attributes=attributes)]
        ),
        *PASSWORDS,
    )
    for kept in (span.attributes, span.events[0].attributes, span.links[0].attributes):
        assert [each.value for each in kept[:3]] == [text("-"), text("-"), text("kept")]
        assert [each.value for each in kept[3].value.kvlist_value.values] == [text("-"), text("ada")]


def test_a_rule_with_names_and_a_pattern_does_both() -> None:
    rule = Redaction(names=("a",), pattern="b+", replacement="#")
    span = Span(name="abba", attributes=[KeyValue(key="a", value=text("x")), KeyValue(key="c", value=text("bbb"))])
    kept = redacted_span(span, rule)
    assert (kept.name, [each.value.string_value for each in kept.attributes]) == ("a#a", ["#", "#"])


def test_the_replacement_is_taken_literally() -> None:
    assert redacted_span(Span(name="ab"), Redaction(pattern="(a)", replacement=r"\1")).name == r"\1b"


def test_unknown_fields_go_when_rules_are_on() -> None:
    unknown = encoded(500 << 3 | 2) + encoded(len(SECRET)) + SECRET.encode()
    span = b"\x2a\x01n" + unknown
    scope = b"\x12" + encoded(len(span)) + span + unknown
    resource = b"\x12" + encoded(len(scope)) + scope + unknown
    body = b"\x0a" + encoded(len(resource)) + resource + unknown
    out = redact(Signal.TRACES, body, PASSWORDS)
    assert SECRET.encode() not in out
    assert ExportTraceServiceRequest.FromString(out).resource_spans[0].scope_spans[0].spans[0] == Span(name="n")
