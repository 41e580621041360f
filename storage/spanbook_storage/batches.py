"""The rows of batches, by their `_batch` column: what is compared with the queue after the host stopped uncleanly."""

from collections import Counter
from collections.abc import Collection, Mapping

from spanbook_schemas.signals import Signal
from spanbook_storage.shards import parts
from spanbook_storage.store import Store

TABLES: Mapping[Signal, tuple[str, ...]] = {
    Signal.TRACES: ("otel_traces",),
    Signal.LOGS: ("otel_logs",),
    Signal.METRICS: tuple(
        f"otel_metrics_{kind}" for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    ),
}


async def count_batches(store: Store, signal: Signal, batches: Collection[int]) -> Counter[int]:
    """Return how many rows the store holds of each batch. Raises StoreError."""
    found: Counter[int] = Counter()
    for table in TABLES[signal] if batches else ():
        for batch, count in await store.query("count_batches", {"table": table, "batches": list(batches)}):
            found[int(batch)] += int(count)
    return found


async def delete_batches(store: Store, signal: Signal, batches: Collection[int]) -> None:
    """Delete the rows of batches, on every shard of a cluster. Raises StoreError."""
    if not batches:
        return
    async with parts(store) as found:
        for part in found:
            for table in TABLES[signal]:
                await part.command("delete_batches", {"table": part.table(table), "batches": list(batches)})
