"""What the node acknowledges is on the disk, also when the disk does not take it."""

import contextlib
import http.client
import resource
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
from clickhouse_connect.driver.exceptions import OperationalError

from faults.disks import PowerCutDisk, why_no_mount
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
    with PowerCutDisk(tmp_path, megabytes=256) as disk:
        node = NodeProcess(disk.path / "node").start()
        client = node.client()
        client.command(_MAKE)
        if way == "select":
            client.command(_FILL)
        else:
            client.insert("kept", [(number, "." * 100) for number in range(20000)], column_names=["k", "s"])
        disk.cut()
        client.close()
        node.kill()
        disk.restart()
        with NodeProcess(disk.path / "node") as again:
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


def _rows(node: NodeProcess) -> tuple[Any, ...]:
    client = node.client()
    try:
        return tuple(client.query(_SUM).result_rows[0])
    finally:
        client.close()


def _take_no_files_beyond(node: NodeProcess, size: int) -> None:
    """Let every write of the node's that would make a file longer than this fail, as on a full disk."""
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, size))
