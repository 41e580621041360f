"""The disk that queue and ClickHouse share is full for real: clients are told to come again, and all of it recovers."""

import os
import resource
import threading
from pathlib import Path

import pytest

from faults.disks import PowerCutDisk, why_no_mount
from running.collector import PARTS, Collector
from running.load import Load
from running.sums import wait_for_right_sums

SECONDS = 120.0 if os.environ.get("SPANBOOK_SOAK") else 5.0

OPTIONS = ("--batch", "50", "--rate", "800", "--payload-bytes", "512")


@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "-")
def test_a_full_disk_costs_no_acknowledged_span(tmp_path: Path) -> None:
    with (
        PowerCutDisk(tmp_path, megabytes=768) as disk,
        Collector(disk.path, "--queue-min-free-bytes=1000000") as collector,
    ):
        with Load(tmp_path / "ledger", collector.grpc, *OPTIONS, seconds=600) as load:
            _wait_for(200, load, collector)
            before = _processes(collector)
            _fill(disk.path / "filler")
            _wait_for_refusals(collector)
            threading.Event().wait(SECONDS)
            assert _processes(collector) == before
            collector.kill_all()
            collector.start(wait=False)  # one that starts on a full disk refuses, too
            _wait_for_refusals(collector)
            (disk.path / "filler").unlink()
            _wait_for(200, load, collector)
        collector.wait_until(collector.drained, "drained", seconds=120)
        _all_there(collector, load)


def test_writes_of_which_the_engine_does_not_tell_that_they_failed_cost_no_acknowledged_span(tmp_path: Path) -> None:
    with Collector(tmp_path) as collector:
        with Load(tmp_path / "ledger", collector.grpc, *OPTIONS, seconds=600) as load:
            _wait_for(100, load, collector)
            node = collector.part("node")
            assert node is not None
            resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))  # longer files cannot be written
            node.wait(60)  # it finds out, and the next one has no such limit
            _wait_for(200, load, collector)
        collector.wait_until(collector.drained, "drained", seconds=120)
        _all_there(collector, load)


def _all_there(collector: Collector, load: Load) -> None:
    stored = collector.query("SELECT TraceId, uniqExact(SpanId) FROM otel_traces GROUP BY TraceId")
    assert {trace for trace, spans in stored if spans == 5} >= load.acknowledged()
    assert collector.value("SELECT count() - uniqExact(TraceId, SpanId) FROM otel_traces") == 0
    wait_for_right_sums(collector)


def _wait_for(traces: int, load: Load, collector: Collector) -> None:
    wanted = len(load.acknowledged()) + traces
    collector.wait_until(lambda: len(load.acknowledged()) >= wanted, f"at {wanted} traces", seconds=120)


def _wait_for_refusals(collector: Collector) -> None:
    refused = collector.metric("spanbook_refused_requests_total")
    collector.wait_until(lambda: collector.metric("spanbook_refused_requests_total") > refused + 2, "refusing")


def _processes(collector: Collector) -> dict[str, int]:
    """Whoever does not end when the disk is full; the node does, where the engine cannot finish a file."""
    return {name: part.pid for name in PARTS if name != "node" and (part := collector.part(name))}


def _fill(file: Path) -> None:
    """Take every byte that is left, as somebody else's log does."""
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            os.fsync(filler.fileno())
