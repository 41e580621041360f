import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from spanbook_collector.processors.stamp import stamp
from spanbook_schemas.signals import Signal

STAMPED = {9001: b"acme", 9002: 1_700_000_000_000_000_001, 9003: 2**63 + 5}


def stamped(signal: Signal, body: bytes) -> bytes:
    return stamp(signal, body, "acme", STAMPED[9002], STAMPED[9003])


def stamps(envelope: Message) -> dict[int, object]:
    unknown = UnknownFieldSet(envelope)
    assert len(unknown) == 3
    return {field.field_number: field.data for field in unknown}


@pytest.mark.parametrize(
    ("signal", "request_type", "envelopes"),
    [
        (Signal.TRACES, ExportTraceServiceRequest, "resource_spans"),
        (Signal.LOGS, ExportLogsServiceRequest, "resource_logs"),
        (Signal.METRICS, ExportMetricsServiceRequest, "resource_metrics"),
    ],
)
def test_every_resource_envelope_gets_the_stamp_and_keeps_all_else(signal, request_type, envelopes):
    request = request_type()
    for name in ("a", "b" * 200):
        getattr(request, envelopes).add(schema_url=name).resource.attributes.add(key=name)
    read = request_type.FromString(stamped(signal, request.SerializeToString()))
    assert [stamps(each) for each in getattr(read, envelopes)] == [STAMPED, STAMPED]
    read.DiscardUnknownFields()
    assert read == request


def test_concatenated_requests_are_one_request():
    one = ExportTraceServiceRequest(resource_spans=[ResourceSpans(schema_url="x")]).SerializeToString()
    assert stamped(Signal.TRACES, one + one) == stamped(Signal.TRACES, one) * 2


def test_a_stamp_that_a_client_sent_is_dropped():
    forged = stamped(Signal.TRACES, ExportTraceServiceRequest(resource_spans=[ResourceSpans()]).SerializeToString())
    again = stamp(Signal.TRACES, forged, "other", 1, 2)
    (envelope,) = ExportTraceServiceRequest.FromString(again).resource_spans
    assert stamps(envelope) == {9001: b"other", 9002: 1, 9003: 2}


def test_an_empty_request_stays_empty():
    assert stamped(Signal.LOGS, b"") == b""
