"""Which segments stay, for whom, and what it costs those who are slow."""

import asyncio
import time
from pathlib import Path

import pytest

from spanbook_collector.queue import (
    Limits,
    Queue,
    QueueFormat,
    QueueFull,
    QueueReader,
    cursors,
    forget_reader,
    inspect,
    reader_names,
)
from spanbook_collector.queue.digests import RecentRequests, digest_of
from spanbook_collector.queue.lines import encode_line
from spanbook_collector.queue.log import Log
from spanbook_collector.queue.records import Entry
from spanbook_collector.queue.retention import Retention
from spanbook_collector.queue.segments import segment_numbers
from spanbook_schemas.signals import Signal


def entry(body: bytes) -> Entry:
    return Entry("t", Signal.TRACES, body, time.time_ns(), digest_of("t", Signal.TRACES, body))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log whose segments hold two records of 1000 bytes."""
    return Log(tmp_path, 8192 + 2200, lambda _: None)


def fill(log: Log, first: int, count: int) -> None:
    for number in range(first, first + count):
        log.append([entry(b"%03d" % number + bytes(997))])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def retention(directory: Path, log: Log, *, seconds: float = 0, size: int = 1 << 30) -> tuple[Retention, Clock]:
    clock = Clock()
    return Retention(directory, log, seconds, size, clock), clock


def test_nothing_is_deleted_before_there_is_a_reader(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 10)
    retention(tmp_path, log)[0].sweep()
    assert len(segment_numbers(tmp_path)) == 5


def test_segments_stay_until_every_reader_is_past_them(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 10)
    fast, slow = QueueReader.open(tmp_path, "fast"), QueueReader.open(tmp_path, "slow")
    seqs = [record.seq for record in fast.read(1 << 20)]
    fast.commit(seqs[-1])
    keeper, _ = retention(tmp_path, log)
    keeper.sweep()
    assert len(segment_numbers(tmp_path)) == 5
    slow.commit(seqs[4])
    keeper.sweep()
    assert segment_numbers(tmp_path)[0] == seqs[4] >> 21
    assert [record.seq for record in slow.read(1 << 20)] == seqs[5:]
    assert slow.lag().records == 5
    assert (slow.cursor.dropped_records, fast.cursor.dropped_records) == (0, 0)
    forget_reader(tmp_path, "slow")
    assert reader_names(tmp_path) == ["fast"]
    keeper.sweep()
    assert segment_numbers(tmp_path) == [log.newest]


def test_drained_segments_stay_for_the_reserve_unless_the_queue_is_large(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 10)
    reader = QueueReader.open(tmp_path, "r")
    reader.commit(reader.read(1 << 20)[-1].seq)
    keeper, clock = retention(tmp_path, log, seconds=600)
    keeper.sweep()
    clock.now += 599
    keeper.sweep()
    assert len(segment_numbers(tmp_path)) == 5
    limited, _ = retention(tmp_path, log, seconds=600, size=4 * 8192)
    limited.sweep()
    assert log.size <= 4 * 8192
    keeper.sweep()
    clock.now += 601
    keeper.sweep()
    assert segment_numbers(tmp_path) == [log.newest]


def test_a_reader_with_a_quota_holds_back_only_that_much_and_counts_what_it_loses(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 4)
    forward = QueueReader.open(tmp_path, "forward", quota_bytes=5000)
    main = QueueReader.open(tmp_path, "main")
    fill(log, 4, 40)
    main.commit(main.read(1 << 20)[-1].seq)
    keeper, _ = retention(tmp_path, log)
    keeper.sweep()
    assert 3 <= len(segment_numbers(tmp_path)) <= 4
    kept = [int(record.body[:3]) for record in forward.read(1 << 20)]
    assert kept == list(range(40, 44))  # four records of 1056 bytes are what fits
    assert forward.cursor.dropped_records == 40
    assert forward.cursor.dropped_bytes == 40 * 1056
    assert forward.lag().bytes <= 5000
    forward.close()
    assert QueueReader.open(tmp_path, "forward", quota_bytes=5000).cursor.dropped_records == 40  # across restarts
    state = inspect(tmp_path)
    assert state.readers["forward"].dropped_records == 40
    assert state.readers["main"].dropped_records == 0


def test_a_quota_is_kept_without_the_queue_deleting_anything(tmp_path: Path, log: Log) -> None:
    forward = QueueReader.open(tmp_path, "forward", quota_bytes=3000)
    fill(log, 0, 9)
    assert [int(record.body[:3]) for record in forward.read(1 << 20)] == [7, 8]
    assert forward.cursor.dropped_records == 7
    forward.commit(forward.read(1)[0].seq)
    assert [int(record.body[:3]) for record in forward.read(1 << 20)] == [8]


def test_a_commit_behind_a_dropped_stretch_does_not_go_back(tmp_path: Path, log: Log) -> None:
    forward = QueueReader.open(tmp_path, "forward", quota_bytes=3000)
    fill(log, 0, 2)
    slow = forward.read(1 << 20)
    fill(log, 2, 10)
    newest = forward.read(1 << 20)
    forward.commit(slow[-1].seq)
    assert forward.read(1 << 20) == newest


def test_a_new_reader_starts_at_the_oldest_record_or_at_the_end(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 6)
    main = QueueReader.open(tmp_path, "main")
    main.commit(main.read(1 << 20)[3].seq)
    retention(tmp_path, log)[0].sweep()
    oldest = QueueReader.open(tmp_path, "oldest")
    assert [int(r.body[:3]) for r in oldest.read(1 << 20)] == [4, 5]
    assert oldest.cursor.dropped_records == 0
    end = QueueReader.open(tmp_path, "end", start="end")
    assert end.read(1 << 20) == []
    fill(log, 6, 1)
    assert [int(r.body[:3]) for r in end.read(1 << 20)] == [6]
    end.close()
    assert [int(r.body[:3]) for r in QueueReader.open(tmp_path, "end", start="end").read(1 << 20)] == [6]


def test_a_new_reader_at_the_end_skips_old_segments_also_after_a_power_cut(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 6)
    log.close()
    (tmp_path / "watermark").unlink()
    reader = QueueReader.open(tmp_path, "forward", start="end")
    Log(tmp_path, 1 << 20, lambda _: None).close()
    assert [int(r.body[:3]) for r in reader.read(1 << 20)] == [4, 5]


def test_the_state_of_a_queue_can_be_told_while_it_runs(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 3)
    reader = QueueReader.open(tmp_path, "r")
    reader.commit(reader.read(1 << 20)[0].seq)
    state = inspect(tmp_path)
    assert state.segments == 2
    assert state.bytes == log.size
    lag = state.readers["r"].lag
    assert (lag.records, lag.bytes) == (2, 2 * 1056)
    assert 0 <= state.oldest_age < 600
    assert state.set_aside == []
    assert inspect(tmp_path / "nowhere").readers == {}


@pytest.mark.parametrize("content", [b"", b"junk", b"00000000 {}\n"])
def test_a_damaged_cursor_starts_at_the_oldest_record_and_holds_every_segment(
    tmp_path: Path, log: Log, content: bytes
) -> None:
    fill(log, 0, 4)
    reader = QueueReader.open(tmp_path, "r")
    reader.commit(reader.read(1 << 20)[-1].seq)
    (tmp_path / "cursors" / "r.cursor").write_bytes(content)
    retention(tmp_path, log)[0].sweep()
    assert len(QueueReader.open(tmp_path, "r", start="end").read(1 << 20)) == 4


def test_a_newer_cursor_is_refused_and_left_as_it_is(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 4)
    QueueReader.open(tmp_path, "r").close()
    path = tmp_path / "cursors" / "r.cursor"
    newer = encode_line({"version": 2})
    path.write_bytes(newer)
    with pytest.raises(QueueFormat, match="hint:"):
        QueueReader.open(tmp_path, "r")
    retention(tmp_path, log)[0].sweep()
    assert path.read_bytes() == newer
    assert len(segment_numbers(tmp_path)) == 2


def test_a_readers_name_is_a_plain_file_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hint:"):
        QueueReader.open(tmp_path, "../up")


def test_many_restarts_leave_few_files(tmp_path: Path) -> None:
    reader = QueueReader.open(tmp_path, "r")
    for _ in range(20):
        log = Log(tmp_path, 1 << 20, lambda _: None)
        reader.read(1)
        retention(tmp_path, log, seconds=600)[0].sweep()
        log.close()
    assert len(segment_numbers(tmp_path)) <= 2


async def test_a_clock_that_jumps_back_an_hour_changes_neither_order_nor_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(segment_bytes=16 << 10, min_free_bytes=0, ballast_bytes=0)
    queue = Queue.open(tmp_path, limits)
    reader = QueueReader.open(tmp_path, "r")
    bodies = [b"%02d" % i + bytes(4000) for i in range(12)]
    real = time.time
    for number, body in enumerate(bodies):
        if number == 6:
            monkeypatch.setattr(time, "time", lambda: real() - 3600)
            monkeypatch.setattr(time, "time_ns", lambda: int((real() - 3600) * 1e9))
        await queue.append("t", Signal.TRACES, body, time.time_ns())
    await queue.close()
    queue = Queue.open(tmp_path, limits)
    await asyncio.gather(*(queue.append("t", Signal.TRACES, body, 1) for body in bodies))
    assert [record.body for record in reader.read(1 << 20)] == bodies
    assert reader.lag().oldest_age >= 0
    reader.close()
    await queue.close()


def test_recent_requests_are_remembered_for_five_minutes_and_forgotten_after_ten() -> None:
    clock = Clock()
    recent = RecentRequests(clock)
    recent.remember(b"a")
    clock.now += 299
    assert b"a" in recent
    clock.now += 2
    assert b"a" in recent
    clock.now += 300
    assert b"a" not in recent


def test_no_more_than_two_hundred_thousand_requests_are_remembered() -> None:
    recent = RecentRequests(Clock())
    for number in range(350_000):
        recent.remember(number.to_bytes(16))
    assert 100_000 <= len(recent) <= 200_000
    assert (349_999).to_bytes(16) in recent
    assert (0).to_bytes(16) not in recent


def test_a_cursor_survives_its_file(tmp_path: Path) -> None:
    cursor = cursors.Cursor(quota_bytes=5, dropped_records=2, dropped_bytes=3)
    cursors.write_cursor(tmp_path, "r", cursor)
    assert cursors.read_cursor(tmp_path, "r") == cursor


async def test_a_small_queue_that_is_drained_does_not_refuse_for_the_sake_of_its_reserve(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path, Limits(max_bytes=400_000, min_free_bytes=0, ballast_bytes=0))
    reader = QueueReader.open(tmp_path, "r")
    refused = 0
    for number in range(100):
        body = b"%03d" % number + bytes(10_000)
        while True:
            try:
                await queue.append("t", Signal.TRACES, body, 1)
                break
            except QueueFull:
                refused += 1
                await asyncio.sleep(0.01)
        (record,) = reader.read(1 << 20)
        assert record.body == body
        reader.commit(record.seq)
    assert refused < 50
    reader.close()
    await queue.close()


def test_what_a_quota_dropped_is_not_read_although_it_is_still_there(tmp_path: Path, log: Log) -> None:
    forward = QueueReader.open(tmp_path, "forward", quota_bytes=2200)
    fill(log, 0, 2)
    position = forward.read(1000)[-1].seq
    fill(log, 2, 8)
    assert [int(record.body[:3]) for record in forward.read(1 << 20, after=position)] == [8, 9]
    assert forward.cursor.dropped_records == 8


def test_a_damaged_record_can_be_committed(tmp_path: Path, log: Log) -> None:
    fill(log, 0, 2)
    reader = QueueReader.open(tmp_path, "r")
    first, second = reader.read(1 << 20)
    reader.close()
    path = next(tmp_path.glob("*.segment"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"!")
    reader = QueueReader.open(tmp_path, "r")
    reader.commit(second.seq)
    assert reader.cursor.place.seq == first.seq
