"""The supervisor's own troubles: told to stop while it starts something, and a data directory that it cannot have."""

import asyncio
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from spanbook_collector import supervisor
from spanbook_collector.config import Config
from spanbook_collector.errors import StartError
from spanbook_collector.queue.disk import lock_file
from spanbook_collector.supervisor import Child, Supervised, serve


async def test_a_child_that_is_being_started_when_all_stops_is_stopped_too() -> None:
    one = Supervised(Child("child", ("http.server", "0", "--bind", "127.0.0.1")))
    running = asyncio.create_task(one.run())
    await asyncio.sleep(0)  # it has asked for the process, and does not have it yet
    await one.stop()
    await asyncio.wait_for(running, 30)
    assert one.pid is None


async def test_a_second_collector_on_the_same_data_says_so_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(supervisor, "SHARED_MEMORY", tmp_path / "memory")
    with supervisor._counting(Config(data=tmp_path)) as folder:
        assert folder.parent == tmp_path / "memory"
    folder.mkdir()
    counted = folder / "counter_1.db"
    counted.touch()
    first = lock_file(tmp_path / "lock", "the data")
    with pytest.raises(StartError, match="another process writes to it") as refused:
        await serve(Config(data=tmp_path), asyncio.Event(), asyncio.Event())
    os.close(first)
    assert "--data" in refused.value.hint
    assert counted.exists()


@pytest.mark.parametrize("shared", [True, False], ids=["shared memory", "none"])
async def test_counters_are_new_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    memory, data = tmp_path / "memory", tmp_path / "data"
    if shared:
        memory.mkdir()
    data.mkdir()
    monkeypatch.setattr(supervisor, "SHARED_MEMORY", memory)
    config = Config(data=data)
    with supervisor._counting(config) as folder:
        assert folder.parent == (memory if shared else data)
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "counter_1.db").touch()
    assert not folder.exists()
    if shared:  # somebody else has made what we would make
        (tmp_path / "theirs").mkdir()
        folder.symlink_to(tmp_path / "theirs")
        with supervisor._counting(config) as ours:
            assert ours == data / "metrics"


COUNTING = """
import sys
from spanbook_collector.metrics import IN_FLIGHT_BYTES, RECEIVED_ITEMS

IN_FLIGHT_BYTES.set(5)
RECEIVED_ITEMS.labels("traces", "grpc").inc()
print("ready", flush=True)
sys.stdin.read()
"""


async def test_what_a_dead_child_held_is_not_counted_any_more(tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(COUNTING)
    counters = tmp_path / "counters"
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(counters), "PYTHONPATH": str(tmp_path)}
    one = Supervised(Child("child", ("counting",), environment=environment, counters=counters))
    running = asyncio.create_task(one.run())
    await asyncio.wait_for(one.ready.wait(), 30)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(counters))  # type: ignore[no-untyped-call]
    assert registry.get_sample_value("spanbook_in_flight_bytes") == 5
    await one.stop()
    await asyncio.wait_for(running, 30)
    assert registry.get_sample_value("spanbook_in_flight_bytes") is None
    items = {"signal": "traces", "transport": "grpc"}
    assert registry.get_sample_value("spanbook_received_items_total", items) == 1


async def test_children_that_a_killed_supervisor_left_are_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(supervisor, "ORPHAN_PATIENCE", 0.1)
    left = lock_file(tmp_path / "children", "the children")
    with pytest.raises(StartError, match="processes of a collector that was killed still use"):
        await serve(Config(data=tmp_path), asyncio.Event(), asyncio.Event())
    assert "waiting for the processes of a collector that was killed" in caplog.text
    os.close(left)
    os.close(await supervisor._alone(Config(data=tmp_path), asyncio.Event()))


async def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot use the data directory") as refused:
        await serve(Config(data=tmp_path / "file" / "data"), asyncio.Event(), asyncio.Event())
    assert "--data" in refused.value.hint
