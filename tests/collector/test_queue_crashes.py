"""Nothing acknowledged is lost and nothing is stored twice, whatever is killed. `SPANBOOK_SOAK=1`: long."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from faults.appender import id_of
from faults.children import Appender
from faults.disks import PowerCutDisk, why_no_mount
from faults.ledger import Ledger
from spanbook_collector.queue import Journal, QueueReader, inspect
from spanbook_collector.queue.log import Log

SOAK = os.environ.get("SPANBOOK_SOAK") == "1"
KILLS = 100 if SOAK else 10
CUTS = 20 if SOAK else 3
needs_mount = pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "-")


def ids_from(reader: QueueReader, seen: dict[int, int]) -> list[int]:
    """Read everything not committed; a sequence number that was seen before must still mean the same request."""
    found = []
    after = None
    while records := reader.read(4 << 20, after):
        for record in records:
            number = id_of(record.body)
            assert seen.setdefault(record.seq, number) == number
            found.append(number)
        after = records[-1].seq
    return found


def test_kill_9_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng = random.Random()
    ledger, seen, committed = Ledger(), {}, []
    reader = QueueReader.open(tmp_path, "clickhouse")
    for round_ in range(KILLS):
        with Appender(tmp_path, ledger) as child:
            child.run_until(rng.randrange(1, 400))
            if round_ % 3 == 2:  # a reader that goes on while the writer is being killed, so that segments are deleted
                committed += ids_from(reader, seen)
                reader.commit(max(seen))
        assert child.process.returncode < 0
    Log(tmp_path, 1 << 20, lambda _: None).close()  # as the next start does
    found = committed + ids_from(reader, seen)
    verdict = ledger.judge(found)
    assert verdict.right, verdict
    assert len(ledger.acknowledged) >= KILLS
    assert inspect(tmp_path).damaged == []
    reader.close()


@needs_mount
def test_a_power_cut_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng = random.Random()
    ledger, seen, committed = Ledger(), {}, []
    with PowerCutDisk(tmp_path) as disk:
        directory = disk.path / "queue"
        for _ in range(CUTS):
            with Appender(directory, ledger) as child:
                child.run_until(rng.randrange(50, 800))
                reader = QueueReader.open(directory, "clickhouse")
                known = set(committed + ids_from(reader, seen))
                acknowledged = set(ledger.acknowledged)
                disk.cut()
                reader.close()
            disk.restart()
            # acknowledgements that came during the cut do not count (disks.py); a client without one asks again
            ledger.acknowledged &= acknowledged
            Log(directory, 1 << 20, lambda _: None).close()
            reader = QueueReader.open(directory, "clickhouse")
            committed += ids_from(reader, seen)
            verdict = ledger.judge(committed)
            assert verdict.right, verdict
            assert known <= set(committed)  # what a reader saw before the cut is there after it
            assert inspect(directory).damaged == []
            reader.commit(max(seen))
            reader.close()


@needs_mount
def test_without_fsync_a_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    """The negative control: if this one loses nothing, the test above proves nothing."""
    ledger = Ledger()
    with PowerCutDisk(tmp_path) as disk:
        directory = disk.path / "queue"
        with Appender(directory, ledger, "--no-fsync") as child:
            child.run_until(200)
            acknowledged = set(ledger.acknowledged)
            disk.cut()
        disk.restart()
        directory.mkdir(exist_ok=True)
        Log(directory, 1 << 20, lambda _: None).close()
        reader = QueueReader.open(directory, "check")
        assert acknowledged - set(ids_from(reader, {}))
        reader.close()


@needs_mount
def test_a_begun_batch_and_a_cursor_survive_a_power_cut(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from spanbook_collector.queue import Batch, Journal, QueueReader
from spanbook_collector.queue.log import Log
from spanbook_collector.queue.records import Entry
from spanbook_schemas.signals import Signal
directory = Path(sys.argv[1])
directory.mkdir()
log = Log(directory, 1 << 20, lambda _: None)
log.append([Entry("t", Signal.TRACES, b"%d" % i, 1, bytes(16)) for i in range(10)])
reader = QueueReader.open(directory, "clickhouse")
records = reader.read(1 << 20)
reader.commit(records[3].seq)
journal = Journal.open(directory)
journal.begin(Batch(Signal.TRACES, records[4].seq, records[7].seq))
print("ready", flush=True)
time.sleep(600)
"""
    with PowerCutDisk(tmp_path) as disk:
        directory = disk.path / "queue"
        child = subprocess.Popen([sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        with child.stdout:
            assert child.stdout.readline() == b"ready\n"
        disk.cut()
        child.kill()
        child.wait()
        disk.restart()
        Log(directory, 1 << 20, lambda _: None).close()
        journal = Journal.open(directory)
        (batch,) = journal.unfinished()
        reader = QueueReader.open(directory, "clickhouse")
        assert [r.body for r in reader.range(batch.first, batch.last).records] == [b"4", b"5", b"6", b"7"]
        assert [r.body for r in reader.read(1 << 20)] == [b"%d" % i for i in range(4, 10)]
        journal.close()
        reader.close()


@needs_mount
def test_a_disk_comes_back_from_a_power_cut_though_a_namespace_has_it_mounted_still(tmp_path: Path) -> None:
    browser = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; exec sleep 600"]
    with PowerCutDisk(tmp_path) as disk:
        (disk.path / "kept").write_text("kept")
        os.sync()
        with subprocess.Popen(browser, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            try:
                assert holder.stdout.readline() == b"ready\n"
                disk.cut()
                disk.restart()
                assert (disk.path / "kept").read_text() == "kept"
            finally:
                holder.kill()
