"""A full disk is refused and recovered from; after any other error no file is written again that failed."""

import asyncio
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.disks import SmallDisk, why_no_mount
from spanbook_collector.queue import Batch, Journal, Limits, Queue, QueueBroken, QueueFull, QueueReader, inspect
from spanbook_collector.queue.log import Log
from spanbook_collector.queue.segments import segment_numbers
from spanbook_schemas.signals import Signal

needs_mount = pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "-")
LIMITS = Limits(segment_bytes=256 << 10, min_free_bytes=0, ballast_bytes=64 << 10, reserve_seconds=0, reserve_bytes=0)


async def try_all(queue: Queue, bodies: list[bytes]) -> list[bytes]:
    """Append bodies; returns those that were refused."""
    now = time.time_ns()
    refusals = await asyncio.gather(
        *(queue.append("t", Signal.TRACES, body, now) for body in bodies), return_exceptions=True
    )
    for refusal in refusals:
        assert isinstance(refusal, QueueFull | QueueBroken | None), refusal
    return [body for body, refusal in zip(bodies, refusals, strict=True) if refusal is not None]


@needs_mount
async def test_a_disk_that_is_really_full_is_told_drained_and_used_again(tmp_path: Path) -> None:
    with SmallDisk(tmp_path, kilobytes=2048) as disk:
        queue = Queue.open(disk.path, LIMITS)
        reader = QueueReader.open(disk.path, "clickhouse")
        journal = Journal.open(disk.path)
        while not (disk.path / "ballast").exists():  # noqa: ASYNC110 (made within a second of the opening)
            await asyncio.sleep(0.02)
        waiting = [b"%d" % i + bytes(20_000) for i in range(300)]
        acknowledged: list[bytes] = []
        refusals = 0
        while waiting:
            refused = await try_all(queue, waiting[:10])
            acknowledged += [body for body in waiting[:10] if body not in refused]
            waiting = refused + waiting[10:]
            if refused:
                refusals += 1
                fill_up(disk.path)  # others take what is left: draining has to work all the same
                records = reader.read(1 << 20)
                journal.begin(batch := Batch(Signal.TRACES, records[0].seq, records[-1].seq))
                for record in records:
                    assert record.body in acknowledged
                    acknowledged.remove(record.body)
                journal.done(batch)
                reader.commit(records[-1].seq)
                (disk.path / "filler").unlink()
                await deleted_segments(disk.path)
        assert refusals > 1
        assert sorted(r.body for r in reader.read(1 << 30)) == sorted(acknowledged)
        assert inspect(disk.path).set_aside == []
        journal.close()
        reader.close()
        await queue.close()


def fill_up(directory: Path) -> None:
    with (directory / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


async def deleted_segments(directory: Path) -> None:
    """Wait until the queue has seen that the reader is past its oldest segments."""
    oldest = segment_numbers(directory)[0]
    async with asyncio.timeout(30):
        while segment_numbers(directory)[0] == oldest:  # noqa: ASYNC110 (told by another thread's file system calls)
            await asyncio.sleep(0.05)


async def test_requests_are_refused_while_the_disk_has_less_than_the_limit_left(tmp_path: Path) -> None:
    queue = Queue.open(tmp_path, Limits(min_free_bytes=1 << 60, ballast_bytes=0))
    with pytest.raises(QueueFull, match="bytes left"):
        await queue.append("t", Signal.TRACES, b"x", 1)
    await queue.close()


class Faults:
    """Makes calls of the operating system fail, by a list of errors; None lets one through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def fail(self, function: str, *errors: int | None) -> None:
        real: Callable[..., object] = getattr(os, function)
        script = list(errors)

        def call(*arguments: object) -> object:
            error = script.pop(0) if script else None
            if error is not None:
                raise OSError(error, os.strerror(error))
            return real(*arguments)

        self._monkeypatch.setattr(os, function, call)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


@pytest.mark.parametrize(
    ("function", "error"), [("fdatasync", errno.EIO), ("fdatasync", errno.ENOSPC), ("pwritev", errno.EIO)]
)
async def test_after_an_error_the_batch_goes_into_a_new_segment_and_is_there_once(
    tmp_path: Path, faults: Faults, function: str, error: int
) -> None:
    queue = Queue.open(tmp_path, LIMITS)
    assert await try_all(queue, [b"before"]) == []
    (old,) = segment_numbers(tmp_path)
    faults.fail(function, error)
    assert await try_all(queue, [b"during"]) == []
    assert await try_all(queue, [b"after"]) == []
    assert segment_numbers(tmp_path)[0] == old
    assert len(segment_numbers(tmp_path)) == 2
    await check_each_once(queue, tmp_path, [b"before", b"during", b"after"])


async def test_what_cannot_be_written_at_all_is_refused_until_it_works_again(tmp_path: Path, faults: Faults) -> None:
    queue = Queue.open(tmp_path, LIMITS)
    assert await try_all(queue, [b"before"]) == []
    faults.fail("fdatasync", *[errno.EIO] * 4)
    with pytest.raises(QueueBroken, match="Input/output error"):
        await queue.append("t", Signal.TRACES, b"during", 1)
    with pytest.raises(QueueBroken):
        await queue.append("t", Signal.TRACES, b"during", 1)
    assert await try_all(queue, [b"during", b"after"]) == []
    await check_each_once(queue, tmp_path, [b"before", b"during", b"after"])


async def test_a_queue_without_a_segment_recovers(tmp_path: Path, faults: Faults) -> None:
    queue = Queue.open(tmp_path, LIMITS)
    assert await try_all(queue, [b"before"]) == []
    faults.fail("fdatasync", errno.EIO)
    faults.fail("fsync", errno.EIO, errno.ENOSPC)
    with pytest.raises(QueueBroken):
        await queue.append("t", Signal.TRACES, b"during", 1)
    with pytest.raises(QueueFull):
        await queue.append("t", Signal.TRACES, b"during", 1)
    assert await try_all(queue, [b"during", b"after"]) == []
    await check_each_once(queue, tmp_path, [b"before", b"during", b"after"])


async def test_a_short_write_is_cut_off_and_the_file_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue.open(tmp_path, LIMITS)
    assert await try_all(queue, [b"before"]) == []
    real = os.pwritev
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", lambda handle, buffers, offset: real(handle, [buffers[0], b"half"], offset))
        assert await try_all(queue, [b"during" * 10]) == [b"during" * 10]
    assert len(segment_numbers(tmp_path)) == 1
    assert await try_all(queue, [b"during" * 10, b"after"]) == []
    await check_each_once(queue, tmp_path, [b"before", b"during" * 10, b"after"])


async def check_each_once(queue: Queue, directory: Path, bodies: list[bytes]) -> None:
    """Check that a reader finds each body once: now, and after a restart that rebuilds everything from the files."""
    for name in ("now", "restarted"):
        reader = QueueReader.open(directory, name)
        assert [record.body for record in reader.read(1 << 20)] == bodies
        reader.close()
        if name == "now":
            await queue.close()
            Log(directory, 1 << 20, lambda _: None).close()
    assert inspect(directory).damaged == []


def test_a_full_disk_at_the_start_is_no_reason_not_to_start(tmp_path: Path, faults: Faults) -> None:
    Log(tmp_path, 1 << 20, lambda _: None).close()
    faults.fail("fsync", None, errno.ENOSPC)
    log = Log(tmp_path, 1 << 20, lambda _: None)
    assert log.size > 0
    log.append([])
    log.close()


def test_a_place_that_the_disk_cannot_read_costs_only_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spanbook_collector.queue.digests import digest_of
    from spanbook_collector.queue.records import Entry

    log = Log(tmp_path, 1 << 20, lambda _: None)
    bodies = [b"%d" % i + b"x" * 3000 for i in range(10)]
    log.append([Entry("t", Signal.TRACES, body, 1, digest_of("t", Signal.TRACES, body)) for body in bodies])
    log.close()
    real = os.pread
    bad = 8192 + 4096

    def pread(handle: int, size: int, offset: int) -> bytes:
        if offset < bad + 512 and offset + size > bad:
            raise OSError(errno.EIO, "injected")
        return real(handle, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    reader = QueueReader.open(tmp_path, "r")
    assert [record.body for record in reader.read(1 << 20)] == [bodies[0], *bodies[3:]]
    assert [note.records for note in inspect(tmp_path).damaged] == [2]
    reader.close()


async def test_what_reads_the_queue_starts_and_reads_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QueueReader.open(tmp_path, "clickhouse").close()
    queue = Queue.open(tmp_path, LIMITS)
    await queue.append("t", Signal.TRACES, b"one", 1)
    await queue.close()
    reader = QueueReader.open(tmp_path, "clickhouse")
    [one] = reader.read(1)
    batch = Batch(Signal.TRACES, one.seq, one.seq)
    journal = Journal.open(tmp_path)
    journal.begin(batch)
    journal.close()
    reader.close()
    await Queue.open(tmp_path, LIMITS).close()  # a new segment, with nothing in it: cursors want to move there

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        for module in ("cursors", "journal"):
            patch.setattr(f"spanbook_collector.queue.{module}.write_atomically", full)
        reader, journal = QueueReader.open(tmp_path, "clickhouse"), Journal.open(tmp_path)
        assert reader.read(1) == [one]
        assert reader.read(1, after=one.seq) == []
        assert journal.unfinished() == [batch]
        with pytest.raises(OSError, match="No space left"):
            journal.done(batch)
        with pytest.raises(OSError, match="No space left"):
            reader.commit(one.seq)
    journal.done(batch)
    reader.commit(one.seq)
    assert reader.read(1) == []
    assert journal.unfinished() == []
    journal.close()
    reader.close()
