"""The supervisor's own troubles: told to stop while it starts something, and a data directory that it cannot have."""

import asyncio
import os
from pathlib import Path

import pytest

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


async def test_a_second_collector_on_the_same_data_says_so_and_touches_nothing(tmp_path: Path) -> None:
    counted = tmp_path / "metrics" / "counter_1.db"
    counted.parent.mkdir()
    counted.touch()
    first = lock_file(tmp_path / "lock", "the data")
    with pytest.raises(StartError, match="another process writes to it") as refused:
        await serve(Config(data=tmp_path), asyncio.Event(), asyncio.Event())
    os.close(first)
    assert "--data" in refused.value.hint
    assert counted.exists()


async def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot use the data directory") as refused:
        await serve(Config(data=tmp_path / "file" / "data"), asyncio.Event(), asyncio.Event())
    assert "--data" in refused.value.hint
