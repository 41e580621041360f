"""The writer: from the queue to ClickHouse and to every OTLP endpoint it is forwarded to; and the web port.

The web port answers before ClickHouse does, so that there is always somebody to say what is missing.
"""

import asyncio
import contextlib
import dataclasses
import logging
import os
from collections.abc import AsyncIterator, Mapping
from functools import partial

from spanbook_collector import metrics
from spanbook_collector.admission import keys_for
from spanbook_collector.config import Config, Forward
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.derivations import derive
from spanbook_collector.exporters.clickhouse import ClickHouseExporter, Stopped
from spanbook_collector.exporters.resending import resend
from spanbook_collector.process import run, say_ready
from spanbook_collector.queue import Journal, QueueReader, forget_reader, reader_names
from spanbook_collector.receivers.connections import HttpServer
from spanbook_collector.stores import reach
from spanbook_collector.web.app import Web
from spanbook_collector.web.status import Observer
from spanbook_storage.derivation import Derivation
from spanbook_storage.shards import check_shards
from spanbook_storage.store import Store, open_store

log = logging.getLogger("spanbook.collector")

CLICKHOUSE = "clickhouse"  # name of the cursor and of the journal


async def write(config: Config, stop: asyncio.Event) -> None:
    """Export until `stop` is set."""
    readers = _readers(config)
    letters = DeadLetters(config.data / "dead-letters")
    observer = Observer(config, readers, letters)
    async with _web(config, observer), asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(readers))
        for forward in config.forward:
            group.create_task(_forward(forward, readers[forward.name], letters.of(forward.name), stop))
        store = await reach(partial(_open, config), stop)
        if store is not None:
            observer.store = store
            say_ready()
            await _export(config, readers[CLICKHOUSE], store, letters, stop)
            await store.close()
        watching.cancel()


def _readers(config: Config) -> dict[str, QueueReader]:
    """Open a reader for ClickHouse and for every forward, and forget those that are not configured any more."""
    queue = config.data / "queue"
    readers = {CLICKHOUSE: QueueReader.open(queue, CLICKHOUSE)}
    for forward in config.forward:
        readers[forward.name] = QueueReader.open(queue, forward.name, start="end", quota_bytes=config.quota(forward))
    for name in reader_names(queue):
        if name not in readers:
            log.info("forgetting where the forward `%s` was: it is not configured any more", name)
            forget_reader(queue, name)
    return readers


async def _forward(forward: Forward, reader: QueueReader, letters: DeadLetters, stop: asyncio.Event) -> None:
    # Whoever forwards nothing need not hold gRPC, which is a sixth of this process.
    from spanbook_collector.exporters.otlp import OtlpExporter

    exporter = OtlpExporter(reader, forward, letters)
    async with asyncio.TaskGroup() as group:
        group.create_task(exporter.run(stop))
        group.create_task(resend(letters, exporter.deliver_again, stop))


async def _export(config: Config, reader: QueueReader, store: Store, letters: DeadLetters, stop: asyncio.Event) -> None:
    """Keep the store in step with the queue, and what is derived in the store in step with what is new."""
    journal = Journal.open(config.data / "queue", CLICKHOUSE)
    derivations: dict[str, Derivation] = {}

    def stored() -> None:
        for derivation in derivations.values():
            derivation.notice()

    exporter = ClickHouseExporter(reader, journal, store, letters, config.writer, stored)
    try:
        if journal.unclean_host_stop:
            with contextlib.suppress(Stopped):  # then the next start does it
                await exporter.reconcile(stop)
        async with asyncio.TaskGroup() as group:
            deriving = group.create_task(derive(config, store, derivations, stop))
            resending = group.create_task(resend(letters, exporter.deliver_again, stop))
            await exporter.run(stop)
            await asyncio.gather(deriving, resending)
    finally:
        journal.close(clean=not journal.unfinished())
        log.info("writer stopped, %d requests are left in the queue", reader.lag().records)
        reader.close()


async def _open(config: Config) -> Store:
    """Connect to ClickHouse and bring its schema up to date. Raises StoreError."""
    store = await open_store(_store(config), shards=config.shards)
    try:
        if config.cluster:
            await check_shards(store, config.cluster)
        changes = await store.migrate(config.cluster)
        await store.keep_for(**dataclasses.asdict(config.retention), cluster=config.cluster)
    except BaseException:
        await store.close()
        raise
    log.info("ClickHouse %s, %d schema changes applied", store.version(), len(changes))
    return store


def _store(config: Config) -> str:
    """Return the store's address; the embedded node's writer has a secret that the supervisor made."""
    return config.store or f"clickhouse://spanbook:{os.environ['SPANBOOK_NODE_SECRET']}@{config.sql}/spanbook"


async def _watch(readers: Mapping[str, QueueReader]) -> None:
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
    # Where the operator says that something in front decides, it also decides on names.
    hosts = None if config.insecure else {"localhost", config.web.host, *map(str.lower, config.node.allow_hosts)}
    app = Web(keys_for(config, config.web), observer.status, observer.ready, metrics.exposition, hosts)
    server = HttpServer(app, config.web, config.receiver, name="the web page", option="--web")
    await server.start()
    try:
        yield
    finally:
        await server.stop()


if __name__ == "__main__":
    run(write)
