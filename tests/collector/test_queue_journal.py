import errno
import os
from pathlib import Path

import pytest

from spanbook_collector.queue import Batch, Journal, Limits, Queue, QueueFormat, QueueInUse, QueueReader, journal, lines
from spanbook_schemas.signals import Signal

A = Batch(Signal.TRACES, 10, 20)
B = Batch(Signal.LOGS, 10, 20)


def crash(opened: Journal) -> None:
    """Let go of the file as a killed process does."""
    opened.close()


def delete_oldest_segment(directory: Path) -> None:
    min(directory.glob("*.segment")).unlink()


def test_what_was_begun_and_not_done_comes_back_as_it_was(tmp_path: Path) -> None:
    first = Journal.open(tmp_path)
    first.begin(A, B)
    first.done(A)
    left, right = Batch(Signal.LOGS, 10, 15), Batch(Signal.LOGS, 16, 20)
    first.split(B, (left, right))
    first.done(right)
    crash(first)
    second = Journal.open(tmp_path)
    assert second.unfinished() == [left]
    crash(second)
    third = Journal.open(tmp_path)
    assert third.unfinished() == [left]
    third.close()


def test_a_token_tells_signals_ranges_and_epochs_apart() -> None:
    batches = [A, B, Batch(Signal.TRACES, 10, 21), Batch(Signal.TRACES, 10, 20, epoch=1)]
    assert len({batch.token for batch in batches}) == 4


def test_a_batch_is_on_disk_before_begin_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Journal.open(tmp_path)
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda handle: (synced.append(os.fstat(handle).st_size), real(handle)))
    opened.begin(A)
    assert synced == [(tmp_path / "journals" / "clickhouse.journal").stat().st_size]
    opened.close()


async def test_finished_batches_are_listed_while_the_queue_holds_their_requests(tmp_path: Path) -> None:
    limits = Limits(segment_bytes=1, min_free_bytes=0, reserve_seconds=0, ballast_bytes=0)
    queue = Queue.open(tmp_path, limits)
    for body in (b"1", b"2"):
        await queue.append("t", Signal.TRACES, body, 1)
    reader = QueueReader.open(tmp_path, "clickhouse")
    one, two = (record.seq for record in reader.read(100))
    opened = Journal.open(tmp_path)
    early, both, late = (Batch(Signal.TRACES, *range_) for range_ in ((one, one), (one, two), (two, two)))
    opened.begin(early, both, late)
    opened.done(early, both, late)
    assert opened.finished() == [early, both, late]
    reader.commit(one)
    await queue.close()
    delete_oldest_segment(tmp_path)
    assert opened.finished() == [late]  # half a batch would be taken for the whole
    crash(opened)
    again = Journal.open(tmp_path)
    assert (again.unfinished(), again.finished()) == ([], [late])
    again.close()
    reader.close()


@pytest.mark.parametrize(
    ("clean", "other_boot", "unclean"),
    [(False, True, True), (True, True, False), (False, False, False), (True, False, False)],
)
def test_an_unclean_stop_of_the_host_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: bool, other_boot: bool, unclean: bool
) -> None:
    opened = Journal.open(tmp_path)
    assert not opened.unclean_host_stop
    opened.begin(A)
    opened.close(clean=clean)
    if other_boot:
        boot_id = tmp_path / "boot_id"
        boot_id.write_text("another\n")
        monkeypatch.setattr(journal, "_BOOT_ID", boot_id)
    again = Journal.open(tmp_path)
    assert again.unclean_host_stop == unclean
    again.close()


def test_an_unclean_stop_is_remembered_until_the_store_has_been_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal.open(tmp_path).close()
    monkeypatch.setattr(journal, "_boot_id", lambda: "another boot")
    Journal.open(tmp_path).close()  # ends before anything was compared
    again = Journal.open(tmp_path)
    assert again.unclean_host_stop
    again.reconciled()
    again.close()
    last = Journal.open(tmp_path)
    assert not last.unclean_host_stop
    last.close()


def test_every_torn_tail_gives_the_state_before_or_after_the_last_event(tmp_path: Path) -> None:
    path = tmp_path / "journals" / "clickhouse.journal"
    opened = Journal.open(tmp_path)
    opened.begin(A)
    before = path.stat().st_size
    opened.begin(B)
    opened.close()
    whole = path.read_bytes()
    for cut in range(before, len(whole) + 1):
        path.write_bytes(whole[:cut])
        again = Journal.open(tmp_path)
        assert again.unfinished() == ([A, B] if cut >= len(whole) - 1 else [A])
        again.close()


def test_a_damaged_line_costs_itself_and_a_copy_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journals" / "clickhouse.journal"
    opened = Journal.open(tmp_path)
    opened.begin(A)
    opened.begin(B)
    opened.close()
    content = path.read_bytes().splitlines(keepends=True)
    content[1] = content[1].replace(b"20", b"21")
    path.write_bytes(b"".join(content))
    again = Journal.open(tmp_path)
    assert again.unfinished() == [B]
    assert (tmp_path / "damaged" / "clickhouse.journal").read_bytes() == b"".join(content)
    again.close()


def test_a_failed_write_is_told_and_the_next_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Journal.open(tmp_path)
    opened.begin(A)

    def refuse(handle: int) -> None:
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(OSError, match="injected"):
            opened.begin(B)
    assert opened.unfinished() == [A]
    opened.begin(B)
    crash(opened)
    again = Journal.open(tmp_path)
    assert again.unfinished() == [A, B]
    again.close()


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_COMPACT_BYTES", 4096)
    opened = Journal.open(tmp_path)
    for first in range(300):
        batch = Batch(Signal.TRACES, first, first)
        opened.begin(batch)
        opened.done(batch)
    assert (tmp_path / "journals" / "clickhouse.journal").stat().st_size <= 4096
    opened.close()


def test_a_newer_journal_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journals" / "clickhouse.journal"
    Journal.open(tmp_path).close()
    newer = lines.encode_line({"version": 2, "boot": ""})
    path.write_bytes(newer)
    with pytest.raises(QueueFormat, match="newer Spanbook"):
        Journal.open(tmp_path)
    assert path.read_bytes() == newer


def test_a_journal_has_one_owner(tmp_path: Path) -> None:
    opened = Journal.open(tmp_path)
    with pytest.raises(QueueInUse, match="hint:"):
        Journal.open(tmp_path)
    opened.close()
