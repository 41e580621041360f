import gzip
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanbook_collector.processors.check import Checked, Limits, Refused, check
from spanbook_collector.processors.mend import CUT, Tally, mend
from spanbook_collector.processors.shapes import resource_shape
from spanbook_collector.processors.wire import RESOURCES, delimited, encoded, fields
from spanbook_schemas.signals import Signal

REQUESTS = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
signals = pytest.mark.parametrize("signal", Signal)
GROUP = b"\x1b\x0b\x0c\x1c"  # field 3, with an empty group 1 in it


def span(**fields: Any) -> Span:
    return Span(**{"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "good", **fields})


def in_request(*items: bytes) -> bytes:
    """The three signals share this layout."""
    return delimited(0x0A, delimited(0x12, b"".join(delimited(0x12, item) for item in items)))


def spans_of(checked: Checked) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(checked.body)
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def check_span(content: bytes, limits: Limits = Limits()) -> tuple[Checked, list[Span]]:  # noqa: B008
    """Check it between two good ones, which must come out as they were."""
    good = span().SerializeToString()
    checked = check(Signal.TRACES, in_request(good, content, good), limits)
    first, *others, last = spans_of(checked)
    assert first == last == span()
    return checked, others


def nested(depth: int, kind: str) -> AnyValue:
    value = AnyValue(int_value=7)
    for _ in range(depth - 1):
        outer = AnyValue()
        if kind == "list":
            outer.array_value.values.add().CopyFrom(value)
        else:
            outer.kvlist_value.values.add(key="k").value.CopyFrom(value)
        value = outer
    return value


def raw_list(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = delimited(0x2A, delimited(0x0A, value))
    return value


@signals
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_valid_request_leaves_as_the_very_object_that_came(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    body = data.draw(valid_requests(signal)).SerializeToString()
    checked = check(signal, body)
    assert checked.body is body
    assert (checked.rejected, checked.reason, checked.repairs) == (0, "", {})
    assert checked.items == items_in(signal, body)


@signals
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_mending_what_is_in_order_gives_the_same_bytes(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    body = data.draw(valid_requests(signal)).SerializeToString()
    for tag, _, at, stop in fields(body, 0, len(body)):
        tally = Tally()
        assert tag == RESOURCES
        assert mend(resource_shape(signal), body[at:stop], Limits(), tally) == body[at:stop]
        assert not tally.repairs


def items_in(signal: Signal, body: bytes) -> int:
    request: Any = REQUESTS[signal].FromString(body)
    if signal is Signal.TRACES:
        return sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
    if signal is Signal.LOGS:
        return sum(len(s.log_records) for r in request.resource_logs for s in r.scope_logs)
    metrics = [metric for r in request.resource_metrics for s in r.scope_metrics for metric in s.metrics]
    return sum(len(getattr(metric, kind).data_points) for metric in metrics if (kind := metric.WhichOneof("data")))


@signals
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_the_bytes_check_refuses_or_gives_what_every_decoder_reads(
    signal: Signal, valid_requests: Callable[..., Any], data: st.DataObject
) -> None:
    body = data.draw(
        st.one_of(st.binary(max_size=60), valid_requests(signal).map(lambda request: request.SerializeToString()))
    )
    mutated = bytearray(body)
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4)):
        if at < len(mutated):
            mutated[at] = byte
    try:
        checked = check(signal, bytes(mutated))
    except Refused:
        return
    assert items_in(signal, checked.body) == checked.items
    again = check(signal, checked.body)
    assert again.body is checked.body
    assert again.rejected == 0


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\x0a", "does not end"),
        (b"\x0a\x05\x12", "longer than what holds it"),
        (b"\x00\x00", "field number 0"),
        (b"\x02\x00", "field number 0"),
        (b"\x0f", "wire type 7"),
        (b"\x0e", "wire type 6"),
        (b"\x0c", "wire type 4"),
        (b"\x0b", "group that does not end"),
        (b"\x0b\x14", "groups cross"),
        (b"\x0b" * 200, "group that does not end"),
        (b"\x08\x01", "ResourceSpans is varint"),
        (b"\x8a\x80\x80\x80\x80\x00\x00", "does not end"),
        (b"\x10" + b"\xff" * 10 + b"\x01", "does not end"),
        (b"\x10" + b"\xff" * 9 + b"\x7f", "does not end"),
        (in_request(b"\x08\x01"), "Span.trace_id is varint"),
        (in_request(b"\x4a\x02\x0a\x05"), "longer than what holds it"),
        (in_request(b"\x0a\x10abc"), "longer than what holds it"),
        (b"\xff" * 30, "does not end"),
    ],
)
def test_what_is_not_protobuf_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        check(Signal.TRACES, body)


@signals
@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\x0a\x02\x12\x00", b"\x0a\x00" * 9])
def test_empty_requests_and_envelopes_are_fine(signal: Signal, body: bytes) -> None:
    checked = check(signal, body)
    assert checked.body is body
    assert (checked.items, checked.rejected, checked.reason) == (0, 0, "")


def test_unknown_fields_stay() -> None:
    unknown = encoded(500 << 3 | 2) + b"\x03new"
    content = span().SerializeToString() + unknown
    body = delimited(0x0A, delimited(0x12, delimited(0x12, content) + unknown) + unknown) + unknown
    assert check(Signal.TRACES, body).body is body


@pytest.mark.parametrize(
    "ids",
    [
        {"trace_id": b""},
        {"trace_id": b"x" * 15},
        {"trace_id": bytes(16)},
        {"trace_id": b"x" * 17},
        {"span_id": b""},
        {"span_id": b"x" * 7},
        {"span_id": bytes(8)},
        {"span_id": b"x" * 16},
    ],
)
def test_a_span_with_a_bad_id_is_rejected_and_its_neighbors_are_kept(ids: dict[str, bytes]) -> None:
    checked, others = check_span(span(**ids).SerializeToString())
    assert others == []
    assert (checked.items, checked.rejected) == (2, 1)
    assert checked.reason.startswith(f"1 spans rejected: {next(iter(ids))} must be")


@pytest.mark.parametrize("parent", [b"x" * 3, bytes(8), b"x" * 16])
def test_a_bad_parent_id_counts_as_absent(parent: bytes) -> None:
    checked, others = check_span(span(parent_span_id=parent).SerializeToString())
    assert others == [span()]
    assert checked.repairs == {"id": 1}


def test_bad_ids_of_a_link_count_as_absent() -> None:
    links = [Span.Link(trace_id=b"x" * 5, span_id=b"y" * 8, trace_state="kept")]
    checked, others = check_span(span(links=links).SerializeToString())
    assert others == [span(links=[Span.Link(span_id=b"y" * 8, trace_state="kept")])]
    assert checked.repairs == {"id": 1}


def test_bad_ids_of_a_log_record_count_as_absent() -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(trace_id=b"x", span_id=bytes(8), severity_text="kept")
    records.add(trace_id=b"x" * 16)
    checked = check(Signal.LOGS, request.SerializeToString())
    records[0].ClearField("trace_id")
    records[0].ClearField("span_id")
    assert ExportLogsServiceRequest.FromString(checked.body) == request
    assert (checked.items, checked.rejected) == (2, 0)


def test_text_that_is_not_utf8_is_repaired_and_counted() -> None:
    content = span(attributes=[KeyValue(key="k", value=AnyValue(string_value="abXd"))]).SerializeToString()
    checked, others = check_span(content.replace(b"good", b"g\xff\xfed").replace(b"abXd", b"ab\xc3d"))
    assert others[0].name == "g��d"
    assert others[0].attributes[0].value.string_value == "ab�d"
    assert checked.repairs == {"utf8": 2}
    assert "2 texts that are not UTF-8" in checked.reason


def test_nul_bytes_in_text_are_kept() -> None:
    checked, others = check_span(span(name="a\0b").SerializeToString())
    assert others[0].name == "a\0b"
    assert checked.repairs == {}


@pytest.mark.parametrize("kind", ["list", "map"])
def test_nesting_up_to_the_limit_is_kept(kind: str) -> None:
    content = span(attributes=[KeyValue(key="deep", value=nested(28, kind))])
    checked, others = check_span(content.SerializeToString())
    assert others == [content]
    assert checked.repairs == {}


@pytest.mark.parametrize("depth", [33, 47, 48, 100, 10_000])
def test_values_nested_too_deeply_are_cut_with_a_marker(depth: int) -> None:
    attribute = delimited(0x4A, delimited(0x0A, b"deep") + delimited(0x12, raw_list(depth)))
    checked, others = check_span(span().SerializeToString() + attribute)
    value, levels = others[0].attributes[0].value, 1
    while value.WhichOneof("value") == "array_value":
        value, levels = value.array_value.values[0], levels + 1
    assert value.string_value == CUT
    assert levels == 33
    assert checked.repairs == {"too_deep": 1}


def test_whatever_is_kept_common_decoders_can_read_in_its_place() -> None:
    request = ExportMetricsServiceRequest()
    point = request.resource_metrics.add().scope_metrics.add().metrics.add().gauge.data_points.add()
    point.exemplars.add().filtered_attributes.add(key="deep").value.CopyFrom(nested(29, "map"))
    checked = check(Signal.METRICS, request.SerializeToString())
    assert items_in(Signal.METRICS, checked.body) == 1
    attribute = b""
    for _ in range(60):
        attribute = delimited(0x0A, b"k") + delimited(0x12, delimited(0x32, delimited(0x0A, attribute)))
    item = delimited(0x2A, delimited(0x0A, delimited(0x2A, delimited(0x3A, attribute))))
    checked = check(Signal.METRICS, in_request(item))
    assert checked.repairs["too_deep"] == 1
    assert items_in(Signal.METRICS, checked.body) == 1


def test_of_a_doubled_attribute_key_the_last_wins() -> None:
    twice = [KeyValue(key="k", value=AnyValue(int_value=n)) for n in (1, 2)]
    inner = AnyValue()
    inner.kvlist_value.values.extend(twice)
    content = span(
        attributes=[*twice, KeyValue(key="map", value=inner)],
        events=[Span.Event(attributes=twice)],
        links=[Span.Link(attributes=twice)],
    )
    checked, (kept,) = check_span(content.SerializeToString())
    lists = [
        kept.attributes[:1],
        kept.attributes[1].value.kvlist_value.values,
        kept.events[0].attributes,
        kept.links[0].attributes,
    ]
    assert [list(each) for each in lists] == [twice[1:]] * 4
    assert checked.repairs == {"key_twice": 4}


def test_groups_are_taken_out_wherever_they_are() -> None:
    value = delimited(0x0A, b"text") + GROUP
    attribute = delimited(0x4A, delimited(0x0A, b"k") + delimited(0x12, value) + GROUP)
    event = delimited(0x5A, delimited(0x12, b"e") + GROUP)
    checked, others = check_span(span().SerializeToString() + attribute + event + GROUP)
    clean = span(attributes=[KeyValue(key="k", value=AnyValue(string_value="text"))], events=[Span.Event(name="e")])
    assert [each.SerializeToString() for each in others] == [clean.SerializeToString()]
    assert checked.repairs == {"group": 4}
    body = delimited(0x0A, GROUP + delimited(0x12, GROUP)) + GROUP
    assert check(Signal.TRACES, body).repairs == {"group": 3}
    assert GROUP not in check(Signal.TRACES, body).body


def test_a_group_does_not_hide_behind_attributes_that_grow_when_written_again() -> None:
    checked, _ = check_span(span().SerializeToString() + b"\x4a\x00" + b"\x0b\x0c" + b"\x13\x0a\x02xx\x14")
    assert checked.repairs["group"] == 2


def test_fields_given_twice_are_read_as_protobuf_says() -> None:
    status = Status(message="one", code=Status.STATUS_CODE_ERROR).SerializeToString()
    twice = span().SerializeToString() + delimited(0x2A, b"better") + delimited(0x7A, status)
    checked, others = check_span(twice + delimited(0x7A, Status(message="two").SerializeToString()))
    assert others == [span(name="better", status=Status(message="two", code=Status.STATUS_CODE_ERROR))]
    assert checked.repairs == {"field_twice": 3}


def test_of_several_values_in_one_attribute_the_last_counts() -> None:
    value = AnyValue(string_value="no").SerializeToString() + AnyValue(int_value=5).SerializeToString()
    content = span().SerializeToString() + delimited(0x4A, delimited(0x0A, b"k") + delimited(0x12, value))
    assert check_span(content)[1] == [span(attributes=[KeyValue(key="k", value=AnyValue(int_value=5))])]


def test_a_resource_given_twice_is_merged() -> None:
    one, two = (delimited(0x0A, KeyValue(key=key).SerializeToString()) for key in "ab")
    body = delimited(0x0A, delimited(0x0A, one) + in_request(span().SerializeToString())[2:] + delimited(0x0A, two))
    checked = check(Signal.TRACES, body)
    (resource,) = ExportTraceServiceRequest.FromString(checked.body).resource_spans
    assert [attribute.key for attribute in resource.resource.attributes] == ["a", "b"]
    assert checked.repairs == {"field_twice": 1}
    assert spans_of(checked) == [span()]


@pytest.mark.parametrize("kind", [6, -1, 2**31 - 1])
def test_enum_values_that_do_not_exist_become_unspecified(kind: int) -> None:
    checked, others = check_span(span(kind=kind, status=Status(code=9)).SerializeToString())
    assert others == [span(status=Status())]
    assert checked.repairs == {"enum": 2}


def test_what_is_defined_for_profiles_counts_as_absent() -> None:
    attribute = KeyValue(key="k", key_strindex=3, value=AnyValue(string_value_strindex=4))
    checked, others = check_span(span(attributes=[attribute]).SerializeToString())
    assert others == [span(attributes=[KeyValue(key="k", value=AnyValue())])]
    assert checked.repairs == {"profile_only": 2}


def test_padded_tags_and_lengths_get_their_shortest_form() -> None:
    content = span().SerializeToString().replace(b"\x2a\x04good", b"\xaa\x00\x84\x80\x00good")
    checked, others = check_span(content)
    assert others == [span()]
    assert b"\xaa\x00" not in checked.body
    assert checked.repairs == {"encoding": 1}


def test_absurd_timestamps_are_kept() -> None:
    content = span(start_time_unix_nano=2**64 - 1, end_time_unix_nano=1, flags=2**32 - 1)
    assert check_span(content.SerializeToString())[1] == [content]


LIMITS = Limits(items=3, attributes=4, events=2, values=30, item_bytes=5000)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([span()] * 4, "more than 3 spans"),
        ([span(attributes=[KeyValue(key=str(n)) for n in range(5)])], "more than 4 attributes"),
        ([span(events=[Span.Event(attributes=[KeyValue(key=str(n)) for n in range(5)])])], "more than 4 attributes"),
        ([span(events=[Span.Event(name="e")] * 3)], "more than 2 events"),
        ([span(links=[Span.Link(span_id=b"x" * 8)] * 3)], "more than 2 links"),
        ([span(attributes=[KeyValue(key="k", value=nested(31, "list"))])], "more than 30 attributes"),
    ],
)
def test_a_request_over_a_structural_limit_is_refused(content: list[Span], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check(Signal.TRACES, in_request(*(each.SerializeToString() for each in content)), LIMITS)


def test_data_points_are_what_is_counted_of_metrics() -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="a").gauge.data_points.add(as_int=1)
    metrics.add(name="b").histogram.data_points.add(count=1)
    metrics.add(name="empty")
    assert check(Signal.METRICS, request.SerializeToString(), LIMITS).items == 2
    metrics.add(name="c").summary.data_points.extend([metrics.add().summary.data_points.add()] * 2)
    with pytest.raises(Refused, match="more than 3 data points"):
        check(Signal.METRICS, request.SerializeToString(), LIMITS)


def test_an_item_that_is_too_long_is_rejected_alone() -> None:
    checked, others = check_span(span(name="x" * 6000).SerializeToString(), LIMITS)
    assert others == []
    assert (checked.items, checked.rejected) == (2, 1)


def test_a_megabyte_of_prompt_is_kept_as_it_is() -> None:
    body = in_request(
        span(attributes=[KeyValue(key="p", value=AnyValue(string_value="é" * 600_000))]).SerializeToString()
    )
    assert check(Signal.TRACES, body).body is body


BOMBS = {
    "spans": delimited(0x0A, delimited(0x12, b"\x12\x00" * 200_000)),
    "resources": b"\x0a\x00" * 200_000,
    "scopes": delimited(0x0A, b"\x12\x00" * 200_000),
    "attributes": in_request(b"\x4a\x00" * 200_000),
    "events": in_request(b"\x5a\x00" * 200_000),
    "list": in_request(delimited(0x4A, delimited(0x12, delimited(0x2A, b"\x0a\x00" * 200_000)))),
    "maps": in_request(delimited(0x4A, delimited(0x12, delimited(0x32, b"\x0a\x00" * 200_000)))),
    "depth": in_request(delimited(0x4A, delimited(0x12, raw_list(4_000)))),
    "statuses": in_request(b"\x7a\x00" * 200_000),
    "resource attributes": delimited(0x0A, delimited(0x0A, b"\x0a\x00" * 200_000)),
    "unknown fields": in_request(b"\xf8\x3e\x00" * 110_000),
    "fields of envelopes": delimited(0x0A, b"\xf8\x3e\x00" * 110_000),
    "groups": b"\x0b\x0c" * 200_000,
    "groups in groups": b"\x0b" * 400_000,
    "small spans": delimited(0x0A, delimited(0x12, delimited(0x12, b"\x4a\x00" * 100) * 1_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_stopped_without_memory(name: str) -> None:
    body = BOMBS[name]
    assert len(gzip.compress(body, 9)) < 60_000
    tracemalloc.start()
    try:
        check(Signal.TRACES, body, Limits(items=20_000, values=20_000, fields=100_000))
    except Refused:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 48 * 1024 * 1024


def test_a_refusal_never_repeats_content() -> None:
    secret = "hunter2-secret"
    rng = random.Random(4)
    body = in_request(
        span(name=secret, attributes=[KeyValue(key=secret, value=AnyValue(string_value=secret))]).SerializeToString()
    )
    for _ in range(500):
        mutated = bytearray(body)
        mutated[rng.randrange(len(body))] = rng.randrange(256)
        try:
            said = check(Signal.TRACES, bytes(mutated)).reason
        except Refused as refused:
            said = str(refused)
        assert "hunter" not in said


def test_upb_itself_refuses_what_check_repairs() -> None:
    body = in_request(span().SerializeToString().replace(b"good", b"g\xff\xfed"))
    with pytest.raises(DecodeError):
        ExportTraceServiceRequest.FromString(body)
    ExportTraceServiceRequest.FromString(check(Signal.TRACES, body).body)
