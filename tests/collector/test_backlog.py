"""What the exporter takes from the queue, and when."""

import asyncio
from pathlib import Path

import pytest

from spanbook_collector.exporters.backlog import Backlog
from spanbook_collector.queue import Limits, Queue, QueueReader, Record
from spanbook_schemas.signals import Signal


async def put(directory: Path, *bodies: bytes) -> None:
    queue = Queue.open(directory, Limits(min_free_bytes=0))
    for body in bodies:
        await queue.append("", Signal.TRACES, body, 1)
    await queue.close()


def bodies(records: list[Record]) -> list[bytes]:
    return [record.body for record in records]


async def test_alone_a_stretch_is_taken_when_its_time_is_over(tmp_path: Path) -> None:
    backlog = Backlog(QueueReader.open(tmp_path, "clickhouse"), limit_bytes=1000, limit_seconds=0.01)
    await put(tmp_path, b"few")
    assert bodies(await backlog.take(asyncio.Event())) == [b"few"]


async def test_beside_one_under_way_a_full_stretch_is_taken(tmp_path: Path) -> None:
    backlog = Backlog(QueueReader.open(tmp_path, "clickhouse"), limit_bytes=8, limit_seconds=0.01)
    await put(tmp_path, b"few")
    first = backlog.begun((await backlog.take(asyncio.Event()))[-1].seq)
    await put(tmp_path, b"half")
    taking = asyncio.create_task(backlog.take(asyncio.Event()))
    assert await asyncio.wait({taking}, timeout=0.2) == (set(), {taking})
    await put(tmp_path, b"full")
    assert bodies(await taking) == [b"half", b"full"]
    backlog.done(first)


async def test_beside_one_under_way_the_rest_is_taken_when_that_is_done_and_not_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanbook_collector.exporters.backlog._LOOK", 3600.0)
    backlog = Backlog(QueueReader.open(tmp_path, "clickhouse"), limit_bytes=1000, limit_seconds=0.01)
    await put(tmp_path, b"few")
    first = backlog.begun((await backlog.take(asyncio.Event()))[-1].seq)
    await put(tmp_path, b"more")
    taking = asyncio.create_task(backlog.take(asyncio.Event()))
    assert await asyncio.wait({taking}, timeout=0.2) == (set(), {taking})
    backlog.done(first)
    assert bodies(await taking) == [b"more"]


async def test_a_stretch_that_never_fills_does_not_wait_for_ever(tmp_path: Path) -> None:
    backlog = Backlog(QueueReader.open(tmp_path, "clickhouse"), limit_bytes=1000, limit_seconds=0.01, patience=0.1)
    await put(tmp_path, b"few")
    backlog.begun((await backlog.take(asyncio.Event()))[-1].seq)  # and never done: its store is away
    await put(tmp_path, b"more")
    assert bodies(await backlog.take(asyncio.Event())) == [b"more"]


async def test_a_request_larger_than_a_stretch_is_one_alone(tmp_path: Path) -> None:
    backlog = Backlog(QueueReader.open(tmp_path, "clickhouse"), limit_bytes=8, limit_seconds=0.01)
    await put(tmp_path, b"few", b"much too large", b"some")
    stretches = [await backlog.take(asyncio.Event()) for _ in range(3)]
    assert [bodies(one) for one in stretches] == [[b"few"], [b"much too large"], [b"some"]]
    assert [backlog.share(one) for one in stretches] == [1, 2, 1]
