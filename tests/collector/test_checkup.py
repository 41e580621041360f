"""What `spanbook check` finds wrong where no collector runs."""

import asyncio
import dataclasses
import time
from pathlib import Path

import pytest

from spanbook_collector import checkup
from spanbook_collector.checkup import Finding, Level, findings
from spanbook_collector.config import Config, Forward
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.queue import Limits, Queue, QueueReader, Record
from spanbook_schemas.signals import Signal

LIMITS = Limits(segment_bytes=32 << 10, min_free_bytes=0, ballast_bytes=0)
NOWHERE = "clickhouse://reader:secret@127.0.0.1:1/book"


async def found(config: Config, what: str) -> list[Finding]:
    return [finding async for finding in findings(config, NOWHERE) if finding.what == what]


async def put(config: Config, *bodies: bytes, received_at: int = 0) -> None:
    queue = Queue.open(config.data / "queue", LIMITS)
    await asyncio.gather(*(queue.append("", Signal.TRACES, body, received_at or time.time_ns()) for body in bodies))
    await queue.close()


async def test_a_store_that_does_not_answer_is_a_problem_and_its_password_is_not_said(tmp_path: Path) -> None:
    [finding] = await found(Config(data=tmp_path), "store")
    assert finding.level is Level.PROBLEM
    assert "127.0.0.1:1/book" in finding.detail
    assert "secret" not in finding.detail + finding.hint
    assert "--store" in finding.hint


async def test_versions_are_told(tmp_path: Path) -> None:
    [finding] = await found(Config(data=tmp_path), "versions")
    assert all(name in finding.detail for name in ("Python 3.", "spanbook ", "chdb ", "clickhouse-connect "))


@pytest.mark.parametrize(("age", "level"), [(1, Level.OK), (3600, Level.WARNING)])
async def test_what_waits_too_long_is_a_warning(tmp_path: Path, age: int, level: Level) -> None:
    config = Config(data=tmp_path)
    QueueReader.open(config.data / "queue", "clickhouse").close()
    await put(config, b"a", b"b", received_at=time.time_ns() - age * 10**9)
    [finding] = await found(config, "clickhouse")
    assert finding.level is level
    assert finding.detail.startswith("2 requests wait, the oldest for ")


async def test_damage_is_told_with_where_it_is_kept(tmp_path: Path) -> None:
    config = Config(data=tmp_path)
    QueueReader.open(config.data / "queue", "clickhouse").close()
    await put(config, *(bytes([number]) * 5000 for number in range(4)))
    segment = min((config.data / "queue").glob("*.segment"))
    segment.write_bytes(segment.read_bytes().replace(b"\1\1\1\1", b"\1\1\7\1", 1))
    await put(config, b"later")
    reader = QueueReader.open(config.data / "queue", "clickhouse")
    assert len(reader.read(1 << 20)) == 4
    reader.close()
    [finding] = await found(config, "damage")
    assert finding.level is Level.WARNING
    assert finding.detail == "1 stretches could not be read"
    assert str(config.data / "queue" / "damaged") in finding.hint


async def test_dead_letters_of_a_forward_are_told_without_what_they_quote(tmp_path: Path) -> None:
    forward = Forward.parse("https://sick.example")
    config = Config(data=tmp_path, forward=(forward,))
    letters = DeadLetters(tmp_path / "dead-letters").of(forward.name)
    letters.put(Record(1, "", Signal.TRACES, 1, b"body"), "HTTP 400 'what the user typed'")
    [finding] = await found(config, "dead letters")
    assert finding.level is Level.WARNING
    assert finding.detail == f"1 in {letters.folder}, the newest: HTTP 400 "
    assert "spanbook replay" in finding.hint


async def test_too_little_room_is_a_warning(tmp_path: Path) -> None:
    config = Config(data=tmp_path)
    [fine] = await found(config, "disk")
    assert fine.level is Level.OK
    greedy = dataclasses.replace(config, queue=dataclasses.replace(config.queue, min_free_bytes=1 << 60))
    [finding] = await found(greedy, "disk")
    assert finding.level is Level.WARNING
    assert "queue.min_free_bytes" in finding.hint


@pytest.mark.parametrize(("ahead", "level"), [(0.1, Level.OK), (-4.0, Level.OK), (30.0, Level.WARNING)])
def test_clocks_that_differ_are_a_warning(ahead: float, level: Level) -> None:
    assert checkup._clock(ahead).level is level
