"""What OTLP asks of a server, over both transports: each line of the specification is a test."""

from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from clients.otlp import Client, Code, GrpcClient, HttpClient, one_of, spans
from clients.receiver import Running

Start = Callable[..., Running]
Connect = Callable[[Running], Client]

SIGNALS = ["traces", "logs", "metrics"]


def one_span(**fields: object) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="chat", trace_id=b"t" * 16, span_id=b"s" * 8)
    for name, value in fields.items():
        setattr(span, name, value)
    return request


# Success


@pytest.mark.parametrize("signal", SIGNALS)
def test_full_success_is_an_empty_answer_for_every_signal(client: Client, signal: str) -> None:
    answer = client.send(one_of(signal), signal)
    assert (answer.code, answer.body) == (0, b"")


def test_what_is_acknowledged_is_in_the_queue_as_the_bytes_that_came(client: Client, receiver: Running) -> None:
    body = spans(3, 50, marker=client.transport)
    assert client.send(body).code == 0
    assert body in receiver.bodies()


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\x0a\x02\x12\x00"], ids=["zero bytes", "no scopes", "no items"])
def test_empty_requests_succeed(client: Client, signal: str, body: bytes) -> None:
    answer = client.send(body, signal)
    assert (answer.code, answer.body) == (0, b"")


def test_unknown_fields_are_ignored(client: Client) -> None:
    unknown = b"\xa2\x06\x05hello\x98\x06\x07"  # field 100, a string; field 99, a number
    assert client.send(one_span().SerializeToString() + unknown).code == 0


def test_fields_of_profiles_are_treated_as_absent(client: Client) -> None:
    request = one_span()
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value
    value.MergeFromString(b"\x40\x07")  # AnyValue.string_value_strindex = 7
    assert client.send(request.SerializeToString()).code == 0


@pytest.mark.parametrize("flags", [0, 0x101, 0x301, 0xFFFFFFFF])
def test_flags_may_be_anything(client: Client, flags: int) -> None:
    assert client.send(one_span(flags=flags).SerializeToString()).code == 0


def test_doubled_attribute_keys_are_taken(client: Client) -> None:
    request = one_span()
    for text in ("first", "last"):
        request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value.string_value = text
    assert client.send(request.SerializeToString()).code == 0


# Partial success


def bad_id_beside_good(**fields: bytes) -> bytes:
    request = one_span()
    request.resource_spans[0].scope_spans[0].spans.add(
        name="bad", **{"trace_id": b"t" * 16, "span_id": b"x" * 8, **fields}
    )
    return request.SerializeToString()


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": b"short"},
        {"trace_id": b""},
        {"trace_id": bytes(16)},
        {"span_id": b"t" * 16},
        {"span_id": b""},
        {"span_id": bytes(8)},
    ],
    ids=str,
)
def test_a_span_with_a_bad_id_is_rejected_alone(client: Client, fields: dict[str, bytes]) -> None:
    answer = client.send(bad_id_beside_good(**fields))
    assert (answer.code, answer.rejected) == (0, 1)
    assert answer.message
    assert len(answer.body) < 5000


@pytest.mark.parametrize("parent", [b"short", b"t" * 16, bytes(8)])
def test_a_bad_parent_id_costs_the_parent_alone(client: Client, parent: bytes) -> None:
    answer = client.send(one_span(parent_span_id=parent).SerializeToString())
    assert (answer.code, answer.rejected) == (0, 0)


def test_a_retry_hears_the_answer_of_the_first_time(client: Client, receiver: Running) -> None:
    body = bad_id_beside_good(trace_id=client.transport.encode())
    first = client.send(body)
    stored = len(receiver.records())
    again = client.send(body)
    assert first.rejected == 1
    assert again.body == first.body
    assert len(receiver.records()) == stored


def test_a_request_is_answered_for_itself_though_what_is_left_of_it_is_known(client: Client) -> None:
    whole = one_span(name=f"known {client.transport}")
    assert client.send(whole.SerializeToString()).rejected == 0
    whole.resource_spans[0].scope_spans[0].spans.add(name="bad")
    assert client.send(whole.SerializeToString()).rejected == 1


# Bad data


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff",
        b"\x0a\x7f",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x01",
        b"\x0c",
        one_span().SerializeToString()[:-1],
    ],
    ids=["noise", "length beyond the end", "overlong varint", "field number zero", "group end", "truncated"],
)
def test_what_is_no_protobuf_is_refused_for_good(client: Client, signal: str, body: bytes) -> None:
    answer = client.send(body, signal)
    assert answer.code == Code.INVALID_ARGUMENT
    assert answer.bad_request
    assert answer.retry is None
    assert answer.http_status in (0, 400)


def test_invalid_utf8_is_repaired_and_the_span_kept(client: Client) -> None:
    body = one_span().SerializeToString().replace(b"chat", b"\xff\xfe\xfdx")
    answer = client.send(body)
    assert (answer.code, answer.rejected) == (0, 0)


def test_nul_bytes_are_kept(client: Client, receiver: Running) -> None:
    body = one_span(name=f"a\0b {client.transport}").SerializeToString()
    assert client.send(body).code == 0
    assert body in receiver.bodies()


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 1), (2**64 - 1, 2**64 - 1), (1, 2**63)])
def test_absurd_times_are_taken(client: Client, start: int, end: int) -> None:
    assert client.send(one_span(start_time_unix_nano=start, end_time_unix_nano=end).SerializeToString()).code == 0


@pytest.mark.parametrize("kind", [-1, 99, 2**31 - 1])
def test_unknown_kinds_are_taken(client: Client, kind: int) -> None:
    assert client.send(one_span(kind=kind).SerializeToString()).code == 0


@pytest.mark.parametrize("depth", [1, 31, 47, 48, 60, 2000])
def test_values_however_deep_do_not_cost_the_span(client: Client, depth: int) -> None:
    value = AnyValue(string_value="deep").SerializeToString()
    for _ in range(depth):
        value = _message(5, _message(1, value))  # AnyValue.array_value, ArrayValue.values
    attribute = _message(9, _message(1, b"k") + _message(2, value))  # Span.attributes, KeyValue
    span = one_span().resource_spans[0].scope_spans[0].spans[0].SerializeToString() + attribute
    answer = client.send(_message(1, _message(2, _message(2, span))))
    assert (answer.code, answer.rejected) == (0, 0)


def _message(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


# Limits


def test_a_request_over_the_size_limit_is_refused_for_good(start: Start, connect: Connect) -> None:
    client = connect(start(max_request_bytes=100_000))
    assert client.send(spans(1, 90_000)).code == 0
    answer = client.send(spans(1, 100_001))
    assert answer.code == Code.RESOURCE_EXHAUSTED
    assert answer.retry is None
    assert answer.http_status in (0, 413)


def test_the_size_limit_is_64_mebibytes_unless_something_else_is_said(client: Client) -> None:
    below = spans(4, 16 * 2**20 - 1000)
    assert 2**26 - 10_000 < len(below) < 2**26
    assert client.send(below).code == 0
    assert client.send(bytes(2**26 + 1)).code == Code.RESOURCE_EXHAUSTED


def test_too_many_spans_are_refused_for_good(client: Client) -> None:
    answer = client.send(_message(1, _message(2, b"\x12\x00" * 60_000)))
    assert answer.code == Code.INVALID_ARGUMENT
    assert answer.retry is None


# Unknown services


def test_signals_that_are_not_stored_are_not_said_to_be(grpc_client: GrpcClient, http: HttpClient) -> None:
    call = grpc_client.channel.unary_unary(
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
    )
    with pytest.raises(Exception, match="UNIMPLEMENTED"):
        call(b"", timeout=5)
    assert http.request("POST", "/v1development/profiles", b"", {"content-type": "application/json"})[0] == 404
