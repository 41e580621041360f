"""What is gRPC's alone."""

import socket
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest

from clients.otlp import METHODS, Code, GrpcClient, spans
from clients.receiver import Running


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_calls_are_taken_and_queued_inflated(
    grpc_client: GrpcClient, receiver: Running, compression: grpc.Compression
) -> None:
    body = spans(20, 500, marker=str(compression))
    assert grpc_client.send(body, compression=compression).code == 0
    assert body in receiver.bodies()


@pytest.mark.parametrize(("messages", "said"), [([], "no message"), ([b"", b""], "more than one"), ([b""] * 9, "more")])
def test_a_call_carries_one_message(grpc_client: GrpcClient, messages: list[bytes], said: str) -> None:
    call = grpc_client.channel.stream_unary(METHODS["traces"])
    with pytest.raises(grpc.RpcError, match=said) as refused:
        call(iter(messages), timeout=10)
    assert refused.value.code().value[0] == Code.INVALID_ARGUMENT


def test_a_call_that_sends_nothing_is_not_waited_for(start: Callable[..., Running]) -> None:
    client = GrpcClient(start(body_timeout_seconds=0.2).grpc_port)
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(20)
        yield from ()

    with pytest.raises(grpc.RpcError) as refused:
        client.channel.stream_unary(METHODS["traces"])(nothing(), timeout=10)
    assert refused.value.code().value[0] == Code.DEADLINE_EXCEEDED
    assert "within 0.2 s" in (refused.value.details() or "")
    over.set()
    client.close()


def test_a_caller_that_hangs_up_harms_nobody(grpc_client: GrpcClient) -> None:
    calls = [grpc_client.channel.unary_unary(METHODS["traces"]).future(spans(1, 1000, start=n)) for n in range(1, 50)]
    for call in calls:
        call.cancel()
    assert grpc_client.send(spans()).code == 0


def test_a_refusals_delay_stands_in_both_trailers(grpc_client: GrpcClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of these tests asserts that both trailers have it or none."""
    monkeypatch.setattr("spanbook_collector.pipeline.check", None)
    answer = grpc_client.send(spans())
    assert answer.code == Code.UNAVAILABLE
    assert answer.retry is not None


def test_an_unknown_encoding_is_refused_for_good(receiver: Running) -> None:
    """No gRPC library sends one, so the frames are written by hand; what comes back is not Huffman-coded.

    gRPC itself answers: INTERNAL, where UNIMPLEMENTED would be right. Both are final.
    """
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHODS["traces"],
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-encoding": "snappy",
    }
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
    message = b"\1" + (5).to_bytes(4, "big") + b"hello"
    with socket.create_connection(("127.0.0.1", receiver.grpc_port), timeout=15) as sock:
        settings, ask, body = _frame(4, 0, 0, b""), _frame(1, 4, 1, block), _frame(0, 1, 1, message)
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + ask + body)
        answer = b""
        while _text("grpc-status") + _text(str(Code.INTERNAL)) not in answer:
            received = sock.recv(4096)
            assert received, answer
            answer += received
    assert b"grpc-encoding" in answer


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
