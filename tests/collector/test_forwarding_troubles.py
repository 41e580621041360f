"""What a forward does when this side of it has trouble: its own files, its own disk."""

import asyncio
import errno
from pathlib import Path

import pytest

from clients.otlp import spans
from clients.receiver import Running, config_in, running
from spanbook_collector.config import Forward
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.exporters.otlp import OtlpExporter
from spanbook_collector.queue import Limits, Queue, QueueReader
from spanbook_schemas.signals import Signal


async def queued(folder: Path, body: bytes) -> QueueReader:
    reader = QueueReader.open(folder / "queue", "forward")
    queue = Queue.open(folder / "queue", Limits(min_free_bytes=0))
    await queue.append("", Signal.TRACES, body, 1, b"")
    await queue.close()
    return reader


async def test_a_forward_whose_certificates_are_missing_waits_and_stops_when_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = await queued(tmp_path, spans())
    forward = Forward.parse({"url": "https://localhost:1", "ca_file": str(tmp_path / "missing.pem")})
    exporter = OtlpExporter(reader, forward, DeadLetters(tmp_path / "letters"))
    stop = asyncio.Event()
    running_exporter = asyncio.create_task(exporter.run(stop))
    while "its TLS files" not in caplog.text:
        assert not running_exporter.done()
        await asyncio.sleep(0.01)
    stop.set()
    await running_exporter
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


async def _forwarded(reader: QueueReader, destination: Running, folder: Path) -> DeadLetters:
    letters = DeadLetters(folder / "letters")
    exporter = OtlpExporter(reader, Forward.parse(f"grpc://127.0.0.1:{destination.grpc_port}"), letters)
    stop = asyncio.Event()
    exporting = asyncio.create_task(exporter.run(stop))
    while reader.lag().records:
        assert not exporting.done()
        await asyncio.sleep(0.01)
    stop.set()
    await exporting
    return letters
