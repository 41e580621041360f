"""What a forward does when this side of it has trouble: its own files, its own disk."""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clients.otlp import spans
from clients.receiver import Running, config_in, running
from running.collector import free_ports
from spanbook_collector.config import Address, Forward
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.exporters.otlp import OtlpExporter
from spanbook_collector.exporters.resending import resend
from spanbook_collector.queue import Limits, Queue, QueueReader, Record
from spanbook_schemas.signals import Signal


async def queued(folder: Path, body: bytes) -> QueueReader:
    reader = QueueReader.open(folder / "queue", "forward")
    queue = Queue.open(folder / "queue", Limits(min_free_bytes=0))
    await queue.append("", Signal.TRACES, body, 1)
    await queue.close()
    return reader


async def test_a_forward_whose_certificates_are_missing_waits_and_stops_when_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = await queued(tmp_path, spans())
    forward = Forward.parse({"url": "https://localhost:1", "ca_file": str(tmp_path / "missing.pem")})
    exporter = OtlpExporter(reader, forward, DeadLetters(tmp_path / "letters"))
    stop = asyncio.Event()
    exporting = asyncio.create_task(exporter.run(stop))
    await _until(lambda: "its TLS files" in caplog.text)
    stop.set()
    await exporting
    assert reader.lag().records == 1


async def test_a_disk_that_is_full_for_a_moment_loses_no_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"\x0a\x04\x12\x02\xff\xff"  # no OTLP: the destination refuses it for good
    reader = await queued(tmp_path, body)
    put, full = DeadLetters.put, [OSError(errno.ENOSPC, "No space left on device")]

    def put_when_there_is_room(letters: DeadLetters, *arguments: object) -> None:
        if full:
            raise full.pop()
        put(letters, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(DeadLetters, "put", put_when_there_is_room)
    with running(config_in(tmp_path / "destination")) as destination:
        letters = await _forwarded(reader, destination, tmp_path)
    assert [letters.body(letter) for letter in letters.all()] == [body]
    assert reader.lag().records == 0


async def test_what_is_over_the_quota_is_dropped_and_counted_while_the_destination_is_still_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (port,) = free_ports(1)
    bodies = [spans(1, 1000, number) for number in range(1, 15)]
    reader = QueueReader.open(tmp_path / "queue", "forward", quota_bytes=5000)
    queue = Queue.open(tmp_path / "queue", Limits(min_free_bytes=0))
    exporter = OtlpExporter(reader, Forward.parse(f"http://127.0.0.1:{port}"), DeadLetters(tmp_path / "letters"))
    stop = asyncio.Event()
    exporting = asyncio.create_task(exporter.run(stop))
    for body in bodies[:3]:
        await queue.append("", Signal.TRACES, body, 1)
    await _until(lambda: "forwarding to" in caplog.text)  # these are under way, and the destination is away
    for body in bodies[3:]:
        await queue.append("", Signal.TRACES, body, 1)
    await _until(lambda: reader.cursor.dropped_records >= 10)
    config = replace(config_in(tmp_path / "destination"), http=Address("127.0.0.1", port))
    with running(config) as destination:
        await _until(lambda: not reader.lag().records)
        arrived = destination.bodies()
    assert sorted(arrived) == sorted(bodies[-len(arrived) :])
    assert reader.cursor.dropped_records + len(arrived) == len(bodies)
    stop.set()
    await exporting
    await queue.close()


async def test_a_dead_letter_that_is_asked_to_come_later_keeps_the_reason_that_it_had(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    letters = DeadLetters(tmp_path / "letters")
    letters.again.put(Record(7, "", Signal.TRACES, 1, spans()), "HTTP 400")
    reader = await queued(tmp_path, spans())
    exporter = OtlpExporter(reader, Forward.parse(f"http://127.0.0.1:{port}"), letters)
    stop = asyncio.Event()
    resending = asyncio.create_task(resend(letters, exporter.deliver_again, stop))
    await _until(lambda: letters.count() == 1)
    stop.set()
    await resending
    assert [letter.reason for letter in letters.all()] == ["HTTP 400"]


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110  exporters tell nobody how far they are
            await asyncio.sleep(0.01)


async def _forwarded(reader: QueueReader, destination: Running, folder: Path) -> DeadLetters:
    letters = DeadLetters(folder / "letters")
    exporter = OtlpExporter(reader, Forward.parse(f"grpc://127.0.0.1:{destination.grpc_port}"), letters)
    stop = asyncio.Event()
    exporting = asyncio.create_task(exporter.run(stop))
    await _until(lambda: not reader.lag().records)
    stop.set()
    await exporting
    return letters


@pytest.mark.parametrize("scheme", ["http", "grpc"])
async def test_a_header_that_cannot_be_sent_keeps_the_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    reader = await queued(tmp_path, spans())
    (port,) = free_ports(1)
    forward = Forward.parse({"url": f"{scheme}://127.0.0.1:{port}", "headers": {"x-key": "two\nlines"}})
    exporter = OtlpExporter(reader, forward, DeadLetters(tmp_path / "letters"))
    stop = asyncio.Event()
    exporting = asyncio.create_task(exporter.run(stop))
    await _until(lambda: "waits" in caplog.text)
    stop.set()
    await exporting
    assert reader.lag().records == 1
    assert "two" not in caplog.text
