"""Trace rows that the view on the insert cannot know alone: traces that came in pieces, or more than once.

How a trace's row comes of its spans stands in one place, the view `traced_mv`. Here is only which traces go through it
again, and in shares that bound the memory of a statement. Spans never come to Python.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from spanbook_storage.store import Store

Block = tuple[str, int]  # partition and block number: the name of an insert

SPANS_AT_ONCE = 200_000
BLOCKS_AT_ONCE = 500


@dataclass(frozen=True)
class Touched:
    """An insert that touched traces; `newest` is its time in milliseconds, `usage_buckets` are in seconds."""

    block: Block
    newest: int
    traces: int
    usage_buckets: frozenset[int]

    @property
    def age_seconds(self) -> float:
        """Seconds since the insert, by this machine's clock."""
        return max(time.time() - self.newest / 1000, 0.0)


@dataclass
class Recomputed:
    """What a recomputation did: the number of traces, and buckets whose usage it changed besides."""

    traces: int = 0
    buckets: set[int] = field(default_factory=set)


async def list_blocks(store: Store, since: int) -> list[Touched]:
    """Return the inserts that touched traces since a time in milliseconds, oldest first."""
    rows = await store.query("list_trace_blocks", {"since": since})
    return [
        Touched((str(partition), int(block)), int(newest), int(traces), frozenset(int(bucket) for bucket in buckets))
        for partition, block, newest, traces, buckets in rows
    ]


async def recompute_traces(store: Store, version: int, since: int, blocks: Sequence[Block]) -> Recomputed:
    """Write the rows of traces that these inserts touched, where the insert alone could not."""
    total = Recomputed()
    for start in range(0, len(blocks), BLOCKS_AT_ONCE):
        touched = {"since": since, "blocks": list(blocks[start : start + BLOCKS_AT_ONCE])}
        traces, spans = (await store.query("count_dirty_traces", touched))[0]
        if not traces:
            continue
        shares = -(-int(spans) // SPANS_AT_ONCE) or 1
        for share in range(shares):
            await store.command("recompute_traces", touched | {"version": version, "shares": shares, "share": share})
        total.traces += int(traces)
        total.buckets |= await _delete_superseded(store, touched)
    return total


async def _delete_superseded(store: Store, touched: dict[str, object]) -> set[int]:
    """Delete deliveries of spans that newer ones, stored elsewhere, replace; returns the buckets they were in."""
    rows = await store.query("list_superseded_spans", touched)
    buckets = {int(row[4]) for row in rows}
    if rows:
        spans = sorted(
            {
                (str(tenant), str(trace), str(span), str(experiment), int(bucket))
                for tenant, trace, span, experiment, bucket, *_ in rows
            }
        )
        await store.command("delete_superseded_spans", {"buckets": sorted(buckets), "spans": spans})
    return buckets
