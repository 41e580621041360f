"""What the ClickHouse exporter says of a failure: never what people wrote, which ClickHouse's errors quote."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from clients.otlp import spans
from spanbook_collector.config import WriterSettings
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.exporters.clickhouse import ClickHouseExporter
from spanbook_collector.queue import Journal, Limits, Queue, QueueReader
from spanbook_schemas.signals import Signal
from spanbook_storage.errors import from_code
from spanbook_storage.store import Store

SAID = "Code: {}. DB::Exception: Cannot take 'my prompt' as a number: at my prompt (SOME_NAME)"


class UnwillingStore:
    def __init__(self, code: int, told: asyncio.Event) -> None:
        self._code, self._told = code, told

    async def insert(self, signal: Signal, pieces: Sequence[bytes], token: str) -> None:
        self._told.set()
        raise from_code(self._code, SAID.format(self._code))

    async def query(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        return []


@pytest.mark.parametrize("code", [6, 36, 241, 9999])
async def test_a_log_line_quotes_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture, code: int) -> None:
    reader = QueueReader.open(tmp_path, "clickhouse")
    queue = Queue.open(tmp_path, Limits(min_free_bytes=0))
    await queue.append("", Signal.TRACES, spans(), 1)
    await queue.close()
    tried, stop = asyncio.Event(), asyncio.Event()
    store = cast("Store", UnwillingStore(code, tried))
    journal = Journal.open(tmp_path)
    letters = DeadLetters(tmp_path / "letters")
    exporter = ClickHouseExporter(reader, journal, store, letters, WriterSettings(batch_seconds=0.01))
    exporting = asyncio.create_task(exporter.run(stop))
    await tried.wait()
    await asyncio.sleep(0)
    stop.set()
    await exporting
    journal.close()
    assert caplog.text
    assert "my prompt" not in caplog.text
