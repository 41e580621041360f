"""The writer: from the queue to ClickHouse and to every OTLP endpoint it is forwarded to; and the web port.

The web port answers before ClickHouse does, so that there is always somebody to say what is missing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from spanbook_collector import metrics
from spanbook_collector.config import Config, without_secret
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.exporters.clickhouse import ClickHouseExporter
from spanbook_collector.process import run, say_ready
from spanbook_collector.queue import Journal, QueueReader
from spanbook_collector.receivers.connections import HttpServer
from spanbook_collector.web.app import Web
from spanbook_collector.web.status import Observer
from spanbook_schemas.keys import KeyRing
from spanbook_storage.errors import StoreError
from spanbook_storage.store import Store, open_store

log = logging.getLogger("spanbook.collector")

CLICKHOUSE = "clickhouse"  # name of the cursor and of the journal


async def write(config: Config, stop: asyncio.Event) -> None:
    """Export until `stop` is set."""
    readers = {CLICKHOUSE: QueueReader.open(config.data / "queue", CLICKHOUSE)}
    dead_letters = DeadLetters(config.data / "dead-letters")
    observer = Observer(config, readers, dead_letters)
    async with _web(config, observer), asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(readers))
        store = await _open(config, stop)
        if store is not None:
            observer.store = store
            say_ready()
            await _export(config, readers[CLICKHOUSE], store, dead_letters, stop)
            await store.close()
        watching.cancel()


async def _export(
    config: Config, reader: QueueReader, store: Store, dead_letters: DeadLetters, stop: asyncio.Event
) -> None:
    journal = Journal.open(config.data / "queue", CLICKHOUSE)
    try:
        await ClickHouseExporter(reader, journal, store, dead_letters, config.writer).run(stop)
    finally:
        journal.close(clean=not journal.unfinished())
        log.info("writer stopped, %d requests are left in the queue", reader.lag().records)
        reader.close()


async def _open(config: Config, stop: asyncio.Event) -> Store | None:
    """Connect to ClickHouse and bring its schema up to date, however long that takes; None when stopped before."""
    told = ""
    while not stop.is_set():
        try:
            store = await open_store(config.store)
            changes = await store.migrate()
        except StoreError as error:
            if (text := str(error)) != told:
                log.warning("%s", without_secret(text))
                told = text
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
        else:
            log.info("ClickHouse %s, %d schema changes applied", store.version(), len(changes))
            return store
    return None


async def _watch(readers: dict[str, QueueReader]) -> None:
    """Keep the gauges of what waits."""
    while True:
        for name, reader in readers.items():
            lag = reader.lag()
            metrics.UNEXPORTED_BYTES.labels(name).set(lag.bytes)
            metrics.UNEXPORTED_REQUESTS.labels(name).set(lag.records)
            metrics.OLDEST_UNEXPORTED_SECONDS.labels(name).set(lag.oldest_age)
            metrics.DROPPED_REQUESTS.labels(name).set(reader.cursor.dropped_records)
        await asyncio.sleep(1.0)


@contextlib.asynccontextmanager
async def _web(config: Config, observer: Observer) -> AsyncIterator[None]:
    app = Web(KeyRing(config.keys_file), observer.status, observer.ready, metrics.exposition)
    server = HttpServer(app, config.web, config.receiver, name="the web page", option="--web")
    await server.start()
    try:
        yield
    finally:
        await server.stop()


if __name__ == "__main__":
    run(write)
