import asyncio
import contextlib
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from spanbook_collector.queue import Limits, Queue, QueueBroken, QueueFull, QueueInUse, QueueReader, bells
from spanbook_schemas.signals import Signal

SMALL = Limits(segment_bytes=32 << 10, min_free_bytes=0, ballast_bytes=0)


async def fill(queue: Queue, bodies: list[bytes], tenant: str = "t") -> None:
    now = time.time_ns()
    await asyncio.gather(*(queue.append(tenant, Signal.TRACES, body, now) for body in bodies))


async def test_what_was_appended_is_read_in_order_with_everything_that_came_with_it(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path)
    await queue.append("acme", Signal.LOGS, b"body", 123)
    await fill(queue, [b"%d" % i for i in range(100)])
    reader = QueueReader.open(tmp_path, "clickhouse")
    records = reader.read(1 << 20)
    first = records[0]
    assert (first.tenant, first.signal, first.received_at, first.body) == ("acme", Signal.LOGS, 123, b"body")
    assert [r.body for r in records[1:]] == [b"%d" % i for i in range(100)]
    assert [r.seq for r in records] == list(range(first.seq, first.seq + 101))
    reader.close()
    await queue.close()


async def test_reading_goes_on_behind_a_record_and_starts_again_from_the_cursor(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path, SMALL)
    bodies = [b"%06d" % i + bytes(3000) for i in range(60)]
    await fill(queue, bodies)
    reader = QueueReader.open(tmp_path, "clickhouse")
    seen, after = [], None
    while records := reader.read(10_000, after):
        assert sum(len(r.body) for r in records) <= 10_000
        seen += records
        after = records[-1].seq
    assert [r.body for r in seen] == bodies
    assert [r.seq for r in seen] == sorted({r.seq for r in seen})
    assert [r.body for r in reader.read(3000)] == bodies[:1]
    reader.commit(seen[29].seq)
    reader.close()
    again = QueueReader.open(tmp_path, "clickhouse")
    assert [r.body for r in again.read(1 << 20)] == bodies[30:]
    assert [r.body for r in again.range(seen[3].seq, seen[40].seq).records] == bodies[3:41]
    again.close()
    await queue.close()


async def test_a_record_larger_than_the_limit_is_read_alone(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path, SMALL)
    await fill(queue, [b"a" * 100_000, b"b"])
    reader = QueueReader.open(tmp_path, "r")
    assert [len(r.body) for r in reader.read(10)] == [100_000]
    reader.close()
    await queue.close()


async def test_the_same_body_again_is_stored_once(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path)
    await asyncio.gather(*(queue.append("t", Signal.TRACES, b"x", 1) for _ in range(5)))
    await queue.append("t", Signal.TRACES, b"x", 2)
    await queue.append("other", Signal.TRACES, b"x", 2)
    await queue.append("t", Signal.LOGS, b"x", 2)
    await queue.close()
    queue = Queue.open(tmp_path)
    await queue.append("t", Signal.TRACES, b"x", 3)
    reader = QueueReader.open(tmp_path, "r")
    found = [(record.tenant, record.signal) for record in reader.read(1 << 20)]
    assert found == [("t", Signal.TRACES), ("other", Signal.TRACES), ("t", Signal.LOGS)]
    reader.close()
    await queue.close()


async def test_a_client_that_goes_away_takes_nobody_with_it(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path)
    first = asyncio.ensure_future(queue.append("t", Signal.TRACES, b"x", 1))
    second = asyncio.ensure_future(queue.append("t", Signal.TRACES, b"x", 1))
    await asyncio.sleep(0)
    first.cancel()
    await second
    reader = QueueReader.open(tmp_path, "r")
    assert [record.body for record in reader.read(1 << 20)] == [b"x"]
    reader.close()
    await queue.close()


async def test_a_full_queue_refuses_and_takes_again_when_a_reader_has_drained_it(tmp_path: Path) -> None:
    limits = Limits(
        max_bytes=200_000, segment_bytes=50_000, min_free_bytes=0, ballast_bytes=0, reserve_seconds=0, reserve_bytes=0
    )
    queue = Queue.open(tmp_path, limits)
    reader = QueueReader.open(tmp_path, "clickhouse")
    with pytest.raises(QueueFull, match="200000"):
        await fill(queue, [b"%d" % i + bytes(10_000) for i in range(100)])
    stored = False
    async with asyncio.timeout(30):
        while not stored:
            await reader.wait(0.05)
            if records := reader.read(1 << 20):
                reader.commit(records[-1].seq)
            with contextlib.suppress(QueueFull):
                await fill(queue, [b"again" + bytes(100_000)])
                stored = True
    assert reader.read(1 << 20)[-1].body.startswith(b"again")
    reader.close()
    await queue.close()


async def test_a_second_writer_is_refused_and_a_closed_queue_takes_nothing(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path)
    with pytest.raises(QueueInUse, match="hint:"):
        Queue.open(tmp_path)
    await queue.close()
    with pytest.raises(QueueBroken):
        await queue.append("t", Signal.TRACES, b"x", 1)


async def test_a_waiting_reader_is_woken_by_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bells, "_LONGEST_SLEEP", 1000)  # nothing but the bell can wake it
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    assert not await reader.wait(0.01)
    waiting = asyncio.ensure_future(reader.wait(30))
    await fill(queue, [b"x"])
    assert await waiting
    assert len(reader.read(100)) == 1
    assert not await reader.wait(0)
    reader.close()
    await queue.close()


async def test_a_reader_may_come_before_the_queue(tmp_path: Path) -> None:
    reader = QueueReader.open(tmp_path / "queue", "r")
    assert reader.read(100) == []
    queue = Queue.open(tmp_path / "queue")
    await fill(queue, [b"x"])
    assert [r.body for r in reader.read(100)] == [b"x"]
    assert reader.cursor.dropped_records == 0
    reader.close()
    await queue.close()


async def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "queue"
    queue = Queue.open(directory, Limits(ballast_bytes=4096, min_free_bytes=0))
    await fill(queue, [b"x"])
    QueueReader.open(directory, "r").close()
    await queue.close()
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_a_reader_waits_also_where_there_are_no_fifos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "mkfifo", refuse)
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    waiting = asyncio.ensure_future(reader.wait(30))
    await asyncio.sleep(0)
    await fill(queue, [b"x"])
    assert await waiting
    reader.close()
    await queue.close()


@pytest.mark.parametrize("odd", [{"tenant": "t" * 70_000}, {"received_at": -1}, {"received_at": 1 << 64}])
async def test_what_has_no_place_in_a_record_is_refused_without_harm_to_others(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    queue = Queue.open(tmp_path)
    good = asyncio.ensure_future(queue.append("t", Signal.TRACES, b"good", 1))
    request = {"tenant": "t", "signal": Signal.TRACES, "body": b"x", "received_at": 1, **odd}
    with pytest.raises(ValueError, match="cannot store"):
        await queue.append(**request)
    await good
    await queue.close()


async def test_closing_stores_what_was_taken_in(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path)
    waiting = [
        asyncio.ensure_future(queue.append("t", Signal.TRACES, b"%d" % i + bytes(50_000), 1)) for i in range(200)
    ]
    await asyncio.sleep(0)
    await queue.close()
    await asyncio.gather(*waiting)
    reader = QueueReader.open(tmp_path, "r")
    assert len(reader.read(1 << 30)) == 200
    reader.close()


async def test_what_is_written_but_not_fsynced_is_neither_acknowledged_nor_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    reached, allowed, real = threading.Event(), threading.Event(), os.fdatasync

    def slow(handle: int) -> None:
        reached.set()
        allowed.wait()
        real(handle)

    monkeypatch.setattr(os, "fdatasync", slow)
    storing = asyncio.ensure_future(queue.append("t", Signal.TRACES, b"visible" * 1000, 1))
    await asyncio.to_thread(reached.wait)
    assert sum(path.read_bytes().count(b"visible" * 1000) for path in tmp_path.glob("*.segment")) == 1  # noqa: ASYNC240
    assert reader.read(1 << 20) == []
    assert not storing.done()
    allowed.set()
    await storing
    assert len(reader.read(1 << 20)) == 1
    reader.close()
    await queue.close()


async def test_requests_that_processing_made_equal_are_both_stored(tmp_path: Path) -> None:
    QueueReader.open(tmp_path, "clickhouse").close()
    queue = Queue.open(tmp_path, Limits(min_free_bytes=0))
    for sent in (b"my secret", b"your secret", b"my secret"):  # the third is the first one's repetition
        await queue.append("", Signal.LOGS, b"[redacted]", 1, sent=sent)
    await queue.close()
    reader = QueueReader.open(tmp_path, "clickhouse")
    assert len(reader.read(1 << 20)) == 2
    reader.close()
