"""The power goes while queue and ClickHouse share a disk: what was acknowledged before is there afterwards, once.

The host's boot id is replaced for each start (a mount of the collector's own): it is what tells a new boot.
"""

import os
import random
from pathlib import Path

import pytest

from faults.disks import PowerCutDisk, why_no_mount
from running.collector import Collector
from running.load import Load
from running.sums import wait_for_right_sums

CUTS = 20 if os.environ.get("SPANBOOK_SOAK") else 3
ANOTHER_BOOT = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'

pytestmark = pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "-")


def test_a_power_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    promised: set[str] = set()
    with PowerCutDisk(tmp_path, megabytes=1024) as disk:
        for cut in range(CUTS):
            collector = Collector(disk.path, "--queue-min-free-bytes=1000000", launcher=_boot(tmp_path, cut))
            collector.start()
            options = ("--batch", "50", "--rate", "800", "--payload-bytes", "512", "--seed", str(cut + 1))
            with Load(tmp_path / f"ledger-{cut}", collector.grpc, *options, seconds=300) as load:
                wanted = chance.randrange(100, 600)
                collector.wait_until(lambda load=load, n=wanted: len(load.acknowledged()) >= n, f"at {wanted}")
                promised |= load.acknowledged()  # before the cut: a fsync that is in flight may falsely succeed
                disk.cut()
            collector.kill_all()
            disk.restart()
        with Collector(disk.path, "--queue-min-free-bytes=1000000", launcher=_boot(tmp_path, CUTS)) as collector:
            collector.wait_until(collector.drained, "drained", seconds=120)
            stored = collector.query("SELECT TraceId, uniqExact(SpanId) FROM otel_traces GROUP BY TraceId")
            assert {trace for trace, spans in stored if spans == 5} >= promised
            assert collector.value("SELECT count() - uniqExact(TraceId, SpanId) FROM otel_traces") == 0
            wait_for_right_sums(collector)
            assert "after the unclean stop" in collector.log.read_text()


def _boot(folder: Path, number: int) -> tuple[str, ...]:
    boot_id = folder / f"boot-{number}"
    boot_id.write_text(f"00000000-0000-4000-8000-{number:012d}\n")
    return ("unshare", "--mount", "sh", "-c", ANOTHER_BOOT, str(boot_id))
