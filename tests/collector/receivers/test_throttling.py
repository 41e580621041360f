"""What can be retried is said so that clients do retry, and nothing else is."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clients.otlp import Client, Code, GrpcClient, HttpClient, spans
from clients.receiver import Running, config_in
from spanbook_collector.config import QueueSettings
from spanbook_collector.queue.errors import QueueBroken
from spanbook_collector.queue.queue import Queue
from spanbook_schemas.signals import Signal

Start = Callable[..., Running]
Connect = Callable[[Running], Client]


def is_retryable(client: Client, body: bytes) -> None:
    """Each SDK gives up when a delay exceeds its ten seconds; over HTTP only whole seconds can be said."""
    answer = client.send(body)
    assert answer.code == Code.UNAVAILABLE
    assert answer.retry is not None
    if client.transport == "grpc":
        assert 1.5 <= answer.retry <= 1.9
    else:
        assert (answer.http_status, answer.retry) == (503, 2)


def test_a_full_queue_is_something_to_retry(start: Start, connect: Connect, tmp_path: Path) -> None:
    config = config_in(tmp_path / "data")
    client = connect(start(replace(config, queue=QueueSettings(max_bytes=200_000, min_free_bytes=0))))
    assert client.send(spans(1, 50_000)).code == 0
    is_retryable(client, spans(1, 180_000))
    assert client.send(spans(1, 60_000)).code == 0


def test_a_broken_queue_is_something_to_retry(start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(start())

    async def broken(*_: object) -> bytes:
        raise QueueBroken("input/output error")

    monkeypatch.setattr(Queue, "append", broken)
    is_retryable(client, spans())


def test_an_error_nobody_foresaw_is_something_to_retry_and_its_text_is_not_logged(
    start: Start, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(start())

    def fail(signal: Signal, body: bytes, limits: object) -> None:
        raise RuntimeError("what the user typed")

    monkeypatch.setattr("spanbook_collector.pipeline.check", fail)
    is_retryable(client, spans())
    assert "RuntimeError at" in caplog.text
    assert "what the user typed" not in caplog.text


def test_no_room_for_bodies_is_something_to_retry(start: Start, connect: Connect) -> None:
    receiver = start(max_in_flight_bytes=2_000_000)
    client = connect(receiver)
    with stalled_upload(receiver, 1_900_000):
        is_retryable(client, spans(1, 300_000))
    assert client.send(spans(1, 300_000)).code == 0


@contextlib.contextmanager
def stalled_upload(receiver: Running, size: int) -> Iterator[None]:
    """Announce a body and send nothing of it."""
    client = HttpClient(receiver.http_port)
    with contextlib.closing(client):
        connection = client.connection
        connection.putrequest("POST", "/v1/traces")
        connection.putheader("content-type", "application/x-protobuf")
        connection.putheader("content-length", str(size))
        connection.putheader("expect", "100-continue")
        connection.endheaders()
        # The server says 100 when it wants the body: its room has been taken by then.
        assert connection.sock.recv(1000).startswith(b"HTTP/1.1 100")
        yield


def test_many_calls_on_one_connection_are_answered(receiver: Running) -> None:
    client = GrpcClient(receiver.grpc_port)
    bodies = [spans(1, 10, start=1000 + number) for number in range(150)]
    call = client.channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    futures = [call.future(body, timeout=20) for body in bodies]
    assert [future.result() for future in futures] == [b""] * 150
    assert set(bodies) <= set(receiver.bodies())
    client.close()


def test_more_senders_than_room_all_get_through_by_waiting(start: Start, connect: Connect) -> None:
    receiver = start(max_in_flight_bytes=1_500_000)
    codes: list[int] = []

    def send(number: int) -> None:
        client = HttpClient(receiver.http_port)
        codes.append(client.send(spans(1, 400_000, start=number)).code)
        client.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0] * 12
