"""What is HTTP's alone: encodings, paths, methods, headers, and bodies that do not end."""

import contextlib
import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard
from google.rpc.status_pb2 import Status

from clients.otlp import PROTOBUF, Code, HttpClient, one_of, spans
from clients.receiver import Running

Start = Callable[..., Running]
JSON = "application/json"


def bare_deflate(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(body) + deflater.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP in capitals": ("GZIP", gzip.compress),
    "gzip in two members": ("gzip", lambda body: gzip.compress(body[:100]) + gzip.compress(body[100:])),
    "deflate": ("deflate", zlib.compress),
    "deflate without its frame": ("deflate", bare_deflate),
    "zstd": ("zstd", zstandard.compress),
    "zstd in two frames": ("zstd", lambda body: zstandard.compress(body[:100]) + zstandard.compress(body[100:])),
    "identity": ("identity", bytes),
}


# Encodings


@pytest.mark.parametrize("name", ENCODERS)
def test_compressed_bodies_are_taken_and_queued_inflated(http: HttpClient, receiver: Running, name: str) -> None:
    encoding, encode = ENCODERS[name]
    body = spans(20, 500, marker=name)
    assert http.send(encode(body), headers={"content-encoding": encoding}).code == 0
    assert body in receiver.bodies()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("damage", ["noise", "truncated", "empty"])
def test_a_damaged_compressed_body_is_refused_for_good(http: HttpClient, encoding: str, damage: str) -> None:
    whole = ENCODERS[encoding][1](spans(20, 500))
    body = {"noise": b"\x1f\x8b" + b"noise" * 10, "truncated": whole[:-4], "empty": b""}[damage]
    answer = http.send(body, headers={"content-encoding": encoding})
    assert (answer.http_status, answer.code) == (400, Code.INVALID_ARGUMENT)
    assert answer.bad_request


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, gzip", "x"])
def test_an_unknown_encoding_is_refused_with_those_that_are_known(http: HttpClient, encoding: str) -> None:
    answer = http.send(spans(), headers={"content-encoding": encoding})
    assert answer.http_status == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_the_size_limit_holds_after_decompression(start: Start, encoding: str) -> None:
    http = HttpClient(start(max_request_bytes=1_000_000).http_port)
    body = ENCODERS[encoding][1](bytes(10_000_000))
    assert len(body) < 50_000
    answer = http.send(body, headers={"content-encoding": encoding})
    assert (answer.http_status, answer.code, answer.retry) == (413, Code.RESOURCE_EXHAUSTED, None)
    assert http.send(spans()).code == 0
    http.close()


# Content types


@pytest.mark.parametrize(
    "kind", [PROTOBUF, f"{PROTOBUF}; charset=utf-8", "Application/X-Protobuf", f"{JSON};charset=UTF-8"]
)
def test_content_types_come_with_parameters_and_capitals_and_are_given_back(http: HttpClient, kind: str) -> None:
    body = b"{}" if "json" in kind else b""
    status, headers, answer = http.request("POST", "/v1/traces", body, {"content-type": kind})
    assert (status, answer) == (200, body)
    assert headers["content-type"] == kind.partition(";")[0].lower()


@pytest.mark.parametrize("kind", ["text/plain", "application/grpc", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_refused_in_json(http: HttpClient, kind: str) -> None:
    status, headers, body = http.request("POST", "/v1/traces", spans(), {"content-type": kind})
    assert (status, headers["content-type"]) == (415, JSON)
    assert json.loads(body)["message"]


def test_refusals_are_in_the_encoding_of_the_request(http: HttpClient) -> None:
    status, headers, body = http.request("POST", "/v1/traces", b"\xff", {"content-type": PROTOBUF})
    assert (status, headers["content-type"]) == (400, PROTOBUF)
    assert Status.FromString(body).code == Code.INVALID_ARGUMENT
    status, headers, body = http.request("POST", "/v1/traces", b"{", {"content-type": JSON})
    assert (status, headers["content-type"]) == (400, JSON)
    error = json.loads(body)
    assert error["code"] == Code.INVALID_ARGUMENT
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"


@pytest.mark.parametrize("body", [b"what the user typed\xff", b'{"resourceSpans": "what the user typed"}'])
def test_refusals_do_not_quote_the_payload(http: HttpClient, body: bytes) -> None:
    kind = JSON if body.startswith(b"{") else PROTOBUF
    _, _, answer = http.request("POST", "/v1/traces", body, {"content-type": kind})
    assert b"user typed" not in answer


def test_json_is_queued_as_protobuf_and_answered_in_json(http: HttpClient, receiver: Running) -> None:
    span = {"traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "b7ad6b7169203331", "name": "from json"}
    bad = {"traceId": "abc", "spanId": "b7ad6b7169203331", "name": "bad"}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span, bad]}]}], "unknownName": 1}
    status, _, body = http.request("POST", "/v1/traces", json.dumps(request), {"content-type": JSON})
    assert status == 200
    partial = json.loads(body)["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert partial["errorMessage"]
    stored = [record for record in receiver.bodies() if b"from json" in record]
    assert len(stored) == 1
    assert bytes.fromhex("0af7651916cd43dd8448eb211c80319c") in stored[0]


ONE = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"b7ad6b7169203331","name":"j",%s}]}]}]}'
TRACE = "0af7651916cd43dd8448eb211c80319c"


def attribute(value: str) -> str:
    return f'"attributes":[{{"key":"k","value":{value}}}]'


@pytest.mark.parametrize(
    ("fields", "trace"),
    [
        ('"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000000000000000', TRACE),
        ('"kind":"SPAN_KIND_CLIENT"', TRACE),
        ('"parentSpanId":"","flags":769,"traceState":null', TRACE.upper()),
        (attribute('{"intValue":"9223372036854775807"}'), TRACE),
        (attribute('{"intValue":-5}'), TRACE),
        (attribute('{"doubleValue":"NaN"}'), TRACE),
        (attribute('{"doubleValue":"-Infinity"}'), TRACE),
        (attribute('{"bytesValue":"AAEC/w=="}'), TRACE),
        (attribute('{"arrayValue":{"values":[{"kvlistValue":{"values":[]}}]}}'), TRACE),
        (attribute("{}"), TRACE),
        ('"unknown":{"deep":[1,2,{}]}', TRACE),
    ],
)
def test_json_as_it_is_seen_in_the_wild_is_taken(http: HttpClient, fields: str, trace: str) -> None:
    status, _, answer = http.request("POST", "/v1/traces", ONE % (trace, fields), {"content-type": JSON})
    assert (status, answer) == (200, b"{}")


WRONG_JSON = {
    "nothing": "",
    "a list": "[]",
    "null": "null",
    "no JSON": "nonsense",
    "truncated": '{"resourceSpans":',
    "a map for a list": '{"resourceSpans":{}}',
    "a list for a map": '{"resourceSpans":[[]]}',
    "deep lists": "[" * 100_000,
    "a word for a number": ONE % (TRACE, attribute('{"intValue":"x"}')),
    "a number too large": ONE % (TRACE, attribute('{"doubleValue":1e400}')),
    "a lone surrogate": ONE % (TRACE, attribute('{"stringValue":"\\ud800"}')),
    "deep values": ONE % (TRACE, attribute('{"arrayValue":{"values":[' * 5000 + "]}}" * 5000)),
}


@pytest.mark.parametrize("body", WRONG_JSON.values(), ids=WRONG_JSON)
def test_json_that_is_wrong_is_never_something_to_retry(http: HttpClient, body: str) -> None:
    status, headers, _ = http.request("POST", "/v1/traces", body, {"content-type": JSON})
    assert status in (200, 400)
    assert headers["content-type"] == JSON
    assert http.send(spans()).code == 0


# Paths and methods


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("suffix", ["", "/", "?tenant=x"])
def test_paths_come_with_a_slash_or_a_query(http: HttpClient, signal: str, suffix: str) -> None:
    assert http.request("POST", f"/v1/{signal}{suffix}", one_of(signal), {"content-type": PROTOBUF})[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/trace", "/v1/traces/x", "/v2/traces", "/metrics", "/v1development/profiles"]
)
def test_other_paths_are_not_found_and_say_where_to_send(http: HttpClient, path: str) -> None:
    status, _, body = http.request("POST", path, spans(), {"content-type": JSON})
    assert status == 404
    assert "/v1/traces" in json.loads(body)["message"]


def test_further_paths_are_taken_when_configured(start: Start) -> None:
    receiver = start(extra_paths=("/api/public/otel/v1/traces", "/otel/v1/logs/", "/"))
    http = HttpClient(receiver.http_port)
    for path, signal in [("/api/public/otel/v1/traces", "traces"), ("/otel/v1/logs", "logs"), ("/", "traces")]:
        assert http.request("POST", path, one_of(signal), {"content-type": PROTOBUF})[0] == 200
    assert [record.signal for record in receiver.records()] == ["traces", "logs"]  # the last is a repetition
    http.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused_with_those_that_are_allowed(http: HttpClient, method: str) -> None:
    status, headers, _ = http.request(method, "/v1/traces")
    assert (status, headers["allow"]) == (405, "POST, OPTIONS")


# Browsers


@pytest.fixture(scope="module")
def for_browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpClient]:
    from clients.receiver import config_in, running

    settings = {"cors_origins": ("https://app.example",), "max_request_bytes": 10_000}
    with running(config_in(tmp_path_factory.mktemp("cors"), **settings)) as found:
        client = HttpClient(found.http_port)
        yield client
        client.close()


ASKING = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}


def test_a_browser_may_ask_for_a_configured_origin(for_browsers: HttpClient) -> None:
    status, headers, body = for_browsers.request(
        "OPTIONS", "/v1/traces", headers={"origin": "https://app.example", **ASKING}
    )
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert {"content-type", "content-encoding", "authorization", "x-api-key"} <= set(
        headers["access-control-allow-headers"].split(", ")
    )
    assert int(headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in headers


def test_another_origin_gets_no_leave(for_browsers: HttpClient) -> None:
    _, headers, _ = for_browsers.request("OPTIONS", "/v1/traces", headers={"origin": "https://evil.example", **ASKING})
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"", PROTOBUF, 200), (b"\xff", PROTOBUF, 400), (b"", "text/plain", 415), (bytes(20_000), PROTOBUF, 413)],
)
def test_a_page_can_read_every_answer(for_browsers: HttpClient, body: bytes, kind: str, status: int) -> None:
    found, headers, _ = for_browsers.request(
        "POST", "/v1/traces", body, {"content-type": kind, "origin": "https://app.example"}
    )
    assert (found, headers["access-control-allow-origin"]) == (status, "https://app.example")


def test_without_configured_origins_nothing_is_said_to_browsers(http: HttpClient) -> None:
    _, headers, _ = http.request("OPTIONS", "/v1/traces", headers={"origin": "https://app.example", **ASKING})
    assert not [name for name in headers if name.startswith("access-control")]


# Connections


def test_a_connection_is_kept_through_answers_and_refusals(http: HttpClient) -> None:
    assert http.send(spans()).http_status == 200
    kept = http.connection.sock
    for body, status in [(b"\xff", 400), (spans(), 200), (b"", 200)]:
        assert http.send(body).http_status == status
        assert http.connection.sock is kept


def test_a_chunked_body_is_taken(http: HttpClient, receiver: Running) -> None:
    body = spans(3, 1000, marker="chunked")
    chunks = (body[at : at + 700] for at in range(0, len(body), 700))
    status, _, _ = http.request("POST", "/v1/traces", chunks, {"content-type": PROTOBUF}, encode_chunked=True)
    assert status == 200
    assert body in receiver.bodies()


def test_a_chunked_body_over_the_limit_is_refused(start: Start) -> None:
    http = HttpClient(start(max_request_bytes=100_000).http_port)
    connection = http.connection
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("content-type", PROTOBUF)
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    connection.send(b"%x\r\n%b\r\n" % (110_000, bytes(110_000)))
    assert connection.getresponse().status == 413
    http.close()


def test_what_is_announced_too_large_is_refused_unread(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanbook_collector.receivers.connections.LINGER_SECONDS", 0.2)
    receiver = start(max_request_bytes=1_000_000)
    with connected(receiver) as sock:
        sock.sendall(request_head(content_length=1_000_001))
        assert sock.recv(1000).startswith(b"HTTP/1.1 413")
        assert closed(sock)


@pytest.mark.parametrize("head", [b"\x00\x01\x02\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_http_is_told_so_in_json(receiver: Running, head: bytes) -> None:
    with connected(receiver) as sock:
        sock.sendall(head)
        answer = sock.recv(1000)
        assert answer.startswith(b"HTTP/1.1 400")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == Code.INVALID_ARGUMENT
        assert closed(sock)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "5, 6"])
def test_a_lying_content_length_costs_the_connection(receiver: Running, length: str) -> None:
    with connected(receiver) as sock:
        sock.sendall(request_head(content_length=length))
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")
        assert closed(sock)


def test_a_body_that_does_not_come_is_not_waited_for(start: Start) -> None:
    receiver = start(body_timeout_seconds=0.2)
    with connected(receiver) as sock:
        sock.sendall(request_head(content_length=1000) + b"slow")
        assert sock.recv(1000).startswith(b"HTTP/1.1 408")
        assert closed(sock)


def test_a_body_that_trickles_is_not_waited_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanbook_collector.receivers.bodies.GRACE_SECONDS", 0.2)
    receiver = start(body_bytes_per_second=1000)
    with connected(receiver) as sock:
        sock.sendall(request_head(content_length=100_000) + b"slow")
        assert sock.recv(1000).startswith(b"HTTP/1.1 408")
        assert closed(sock)


def test_headers_that_do_not_come_are_not_waited_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanbook_collector.receivers.connections.HEADER_SECONDS", 1.0)
    receiver = start()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(receiver)) for _ in range(20)]
        for sock in slow:
            sock.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        http = HttpClient(receiver.http_port)
        assert http.send(spans()).code == 0
        assert all(closed(sock) for sock in slow)
        assert http.send(spans()).code == 0
        http.close()


def test_one_client_cannot_have_all_connections(start: Start) -> None:
    receiver = start(max_connections_per_client=3)
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(connected(receiver)) for _ in range(3)]
        one_too_many = stack.enter_context(connected(receiver))
        assert closed(one_too_many)
        kept.pop().close()
        eventually_served(receiver)


def test_there_are_not_more_connections_than_allowed(start: Start) -> None:
    receiver = start(max_connections=2)
    with connected(receiver), connected(receiver) as second, connected(receiver) as third:
        assert closed(third)
        second.close()
        eventually_served(receiver)


def eventually_served(receiver: Running) -> None:
    """The server notices a closed connection a moment after the client closed it."""
    deadline = time.monotonic() + 10
    while True:
        http = HttpClient(receiver.http_port)
        try:
            assert http.send(spans()).code == 0
            return
        except OSError:
            assert time.monotonic() < deadline
        finally:
            http.close()


@contextlib.contextmanager
def connected(receiver: Running) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", receiver.http_port), timeout=15) as sock:
        yield sock


def request_head(content_length: object) -> bytes:
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {content_length}"
    return f"{head}\r\n\r\n".encode()


def closed(sock: socket.socket) -> bool:
    """Wait until the server has closed the connection."""
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True
