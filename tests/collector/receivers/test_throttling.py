"""What can be retried is said so that clients do retry, and nothing else is."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clients.otlp import METHODS, Answer, Client, Code, GrpcClient, HttpClient, one_of, spans
from clients.receiver import Running, config_in
from spanbook_collector import metrics
from spanbook_collector.config import QueueSettings
from spanbook_collector.keys import create_key
from spanbook_collector.queue.errors import QueueBroken
from spanbook_collector.queue.queue import Queue
from spanbook_collector.receivers.quotas import BURST_SECONDS, Quota
from spanbook_schemas.keys import Scope
from spanbook_schemas.signals import Signal

Start = Callable[..., Running]
Connect = Callable[[Running], Client]


def is_retryable(client: Client, body: bytes) -> None:
    """Each SDK gives up when a delay exceeds its ten seconds; over HTTP only whole seconds can be said."""
    asks_to_come_again(client.send(body), client.transport)


def asks_to_come_again(answer: Answer, transport: str, code: int = Code.UNAVAILABLE, http_status: int = 503) -> None:
    assert answer.code == code
    assert answer.retry is not None
    if transport == "grpc":
        assert 1.5 <= answer.retry <= 1.9
    else:
        assert (answer.http_status, answer.retry) == (http_status, 2)


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


@pytest.mark.parametrize("quota", ["project_bytes_per_second", "project_items_per_second"])
def test_a_project_over_its_quota_is_told_to_come_again_and_the_others_are_served(
    start: Start, connect: Connect, tmp_path: Path, quota: str
) -> None:
    config = config_in(tmp_path / "data", **{quota: 1})
    eager, modest = ({"x-api-key": create_key(config.keys_file, name, (Scope.INGEST,))} for name in ("eager", "modest"))
    client = connect(start(config))
    many = spans(50, 100)
    assert client.send(many, headers=eager).code == 0
    for signal in Signal:  # what is small as well
        answer = client.send(one_of(signal), signal, eager)
        asks_to_come_again(answer, client.transport, Code.RESOURCE_EXHAUSTED, 429)
    assert client.send(many, headers=modest).code == 0


def test_a_quota_is_saved_up_for_a_while_overdrawn_once_and_paid_back() -> None:
    now = 0.0
    quota = Quota(100, lambda: now)
    quota.spend("a", 100 * int(BURST_SECONDS) + 250)
    assert not quota.is_left("a")
    assert quota.is_left("b")
    now = 2.5
    assert not quota.is_left("a")
    now = 2.6
    assert quota.is_left("a")
    now = 1e6
    quota.spend("a", 100 * int(BURST_SECONDS))
    assert not quota.is_left("a")


def test_calls_beyond_the_limit_are_something_to_retry(start: Start) -> None:
    receiver = start(max_grpc_calls=1)
    client, other = GrpcClient(receiver.grpc_port), GrpcClient(receiver.grpc_port)
    over = threading.Event()

    def nothing_yet() -> Iterator[bytes]:
        over.wait(20)
        yield spans()

    held = client.channel.stream_unary(METHODS["traces"]).future(nothing_yet(), timeout=20)
    while not metrics.IN_FLIGHT_BYTES._value.get():  # until the call has arrived
        assert not over.wait(0.01)
    asks_to_come_again(other.send(spans(2)), "grpc")
    over.set()
    assert held.result() == b""
    assert other.send(spans(2)).code == 0
    client.close()
    other.close()


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
