"""What the node acknowledges is on the disk, also when the disk does not take it."""

import contextlib
import http.client
import resource
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
from clickhouse_connect.driver.exceptions import OperationalError

from faults.disks import PowerCutDisk, why_no_mount
from spanbook_storage.node import disk
from spanbook_storage.node.process import NodeProcess

_EX_IOERR = 74
_MAKE = "CREATE TABLE kept (k UInt64, s String) ENGINE = MergeTree ORDER BY k"
_FILL = "INSERT INTO kept SELECT number, randomPrintableASCII(100) FROM numbers(20000)"
_SUM = "SELECT count(), sum(length(s)) FROM kept"
_ALL = (20000, 2000000)
_GONE = (OperationalError, urllib3.exceptions.HTTPError, http.client.HTTPException)


@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "-")
@pytest.mark.parametrize("way", ["select", "rows"])
def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path, way: str) -> None:
    with PowerCutDisk(tmp_path, megabytes=256) as small:
        node = NodeProcess(small.path / "node").start()
        client = node.client()
        client.command(_MAKE)
        if way == "select":
            client.command(_FILL)
        else:
            client.insert("kept", [(number, "." * 100) for number in range(20000)], column_names=["k", "s"])
        small.cut()
        client.close()
        node.kill()
        small.restart()
        with NodeProcess(small.path / "node") as again:
            assert _rows(again) == _ALL


def test_an_insert_that_the_disk_does_not_take_is_not_acknowledged(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        client = node.client()
        client.command(_MAKE)
        _take_no_files_beyond(node, 100_000)
        with pytest.raises(_GONE):
            client.command(_FILL)
        client.close()
        assert psutil.Process(node.pid).wait(20) == _EX_IOERR
    with NodeProcess(tmp_path) as again:
        assert _rows(again) == (0, 0)
        client = again.client()
        client.command(_FILL)
        client.close()
        assert _rows(again) == _ALL


def test_a_merge_that_the_disk_does_not_take_loses_no_rows(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        client = node.client()
        client.command(_MAKE)
        client.command("SYSTEM STOP MERGES kept")
        for part in range(2):
            client.command(f"{_FILL} WHERE number % 2 = {part}")
        _take_no_files_beyond(node, 1_500_000)
        client.command("SYSTEM START MERGES kept")
        with contextlib.suppress(*_GONE):  # it is answered, or the node has found out before that
            client.command("OPTIMIZE TABLE kept FINAL")
        client.close()
        assert psutil.Process(node.pid).wait(20) == _EX_IOERR
    with NodeProcess(tmp_path) as again:
        assert _rows(again) == _ALL


def test_readers_who_leave_are_no_full_disk(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node, urllib3.PoolManager() as pool:
        for _ in range(6):  # more than may read at once
            address = f"{node.url}/?query=SELECT+*+FROM+system.numbers"
            answer = pool.request("GET", address, preload_content=False)
            assert answer.read(1 << 16)
            answer.close()
        assert pool.request("GET", f"{node.url}/?query=SELECT+1", timeout=30).data == b"1\n"
        client = node.client()
        client.command(_MAKE)
        client.command(_FILL)  # looks at what was written, as each insert does
        client.close()
        assert _rows(node) == _ALL


@pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount() or "-")
def test_a_reader_whose_groups_do_not_fit_on_the_disk_gets_an_error(tmp_path: Path) -> None:
    grouped = (
        "SELECT s, count() FROM (SELECT randomPrintableASCII(200) AS s FROM numbers(500000)) GROUP BY s FORMAT Null"
    )
    spilling = "max_bytes_before_external_group_by=1000000&max_threads=1"
    with PowerCutDisk(tmp_path, megabytes=96) as small, NodeProcess(small.path / "node") as node:
        with urllib3.PoolManager() as pool:
            answer = pool.request("POST", f"{node.url}/?{spilling}", body=grouped.encode())
        assert b"TOO_MANY_ROWS_OR_BYTES" in answer.data
        client = node.client()
        client.command(_MAKE)
        client.command(_FILL)
        client.close()
        assert _rows(node) == _ALL


def test_torn_parts_are_kept_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detached = tmp_path / "store" / "store" / "abc" / "abcdef" / "detached"
    torn, others = detached / "broken-on-start_all_1_1_0", detached / "all_2_2_0"
    for part in (torn, others):
        part.mkdir(parents=True)
        (part / "data.bin").write_bytes(b"torn")
    disk.forget_torn(tmp_path)
    assert torn.exists()
    now = time.time()
    monkeypatch.setattr("spanbook_storage.node.disk.time.time", lambda: now + 86_500)
    disk.forget_torn(tmp_path)
    assert not torn.exists()
    assert others.exists()


def test_a_start_finds_the_sources_of_torn_merges_however_many_there_are(node: NodeProcess) -> None:
    wanted = {
        "max_suspicious_broken_parts": "1000000",
        "max_suspicious_broken_parts_bytes": str(1 << 50),
        "min_bytes_for_full_part_storage": "0",
        "old_parts_lifetime": "480",
    }
    names = ", ".join(f"'{name}'" for name in wanted)
    client = node.client()
    rows = client.query(f"SELECT name, value FROM system.merge_tree_settings WHERE name IN ({names})").result_rows
    client.close()
    assert dict(rows) == wanted


def _rows(node: NodeProcess) -> tuple[Any, ...]:
    client = node.client()
    try:
        return tuple(client.query(_SUM).result_rows[0])
    finally:
        client.close()


def _take_no_files_beyond(node: NodeProcess, size: int) -> None:
    """Let every write of the node's that would make a file longer than this fail, as on a full disk."""
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, size))
