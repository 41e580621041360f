"""Trace rows that the view on the insert cannot know alone: traces that came in pieces, or more than once.

How a trace's row comes of its spans stands in one place, the view `traced_mv`. Here is only which traces go through it
again, and in shares that bound the memory of a statement. Spans never come to Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spanbook_storage.store import Store

Block = tuple[str, int]  # partition and block number: the name of an insert

SPANS_AT_ONCE = 200_000
BLOCKS_AT_ONCE = 500
DELETED_AT_ONCE = 200  # they travel in the address of a request
_EVER = 4_102_444_800_000  # milliseconds, the year 2100


@dataclass(frozen=True)
class Touched:
    """An insert that touched traces: its time and when it was seen in milliseconds, buckets of usage in seconds."""

    block: Block
    newest: int
    traces: int
    usage_buckets: frozenset[int]
    seen: int

    @property
    def age_seconds(self) -> float:
        """Seconds since the insert, by the store's clock."""
        return max(self.seen - self.newest, 0) / 1000


@dataclass(frozen=True)
class Recomputed:
    """What a recomputation did: the number of traces, and buckets whose usage it changed besides."""

    traces: int
    buckets: frozenset[int]


async def list_blocks(store: Store, since: int, overlap: int) -> list[Touched]:
    """Return the inserts that touched traces since a time, and within `overlap` from now, in milliseconds."""
    rows = await store.query("list_trace_blocks", {"since": since, "overlap": overlap})
    return [
        Touched((str(partition), int(block)), int(newest), int(traces), frozenset(map(int, buckets)), int(seen))
        for partition, block, newest, traces, buckets, seen in rows
    ]


async def mark_traces(
    store: Store, version: int, blocks: Sequence[Block], *, since: int, oldest: int, first_before: int = _EVER
) -> None:
    """Write down which traces of these inserts, none before `since`, have to be computed anew.

    Pieces inserted before `oldest` are not looked for; with `first_before` only traces count that began before it.
    Times are milliseconds.
    """
    times = {"since": since, "oldest": oldest, "first_before": first_before}
    for start in range(0, len(blocks), BLOCKS_AT_ONCE):
        some = list(blocks[start : start + BLOCKS_AT_ONCE])
        await store.command("mark_dirty_traces", {"version": version, "blocks": some} | times)


async def recompute_traces(store: Store, version: int) -> Recomputed:
    """Write the rows of the traces that were marked for this version."""
    traces, spans, oldest, buckets = (await store.query("count_dirty_traces", {"version": version}))[0]
    if not traces:
        return Recomputed(0, frozenset())
    shares = -(-int(spans) // SPANS_AT_ONCE) or 1
    for share in range(shares):
        part = {"version": version, "oldest": int(oldest), "shares": shares, "share": share}
        await store.command("recompute_traces", part)
    return Recomputed(int(traces), await _delete_superseded(store, version) | {int(bucket) for bucket in buckets})


async def _delete_superseded(store: Store, version: int) -> frozenset[int]:
    """Delete deliveries of spans that newer ones, stored elsewhere, replace; returns the buckets they were in."""
    rows = await store.query("list_superseded_spans", {"version": version})
    spans = sorted(
        {
            (str(tenant), str(trace), str(span), str(experiment), int(bucket))
            for tenant, trace, span, experiment, bucket in rows
        }
    )
    buckets = frozenset(span[-1] for span in spans)
    for start in range(0, len(spans), DELETED_AT_ONCE):
        some = spans[start : start + DELETED_AT_ONCE]
        await store.command("delete_superseded_spans", {"buckets": sorted({span[-1] for span in some}), "spans": some})
    return buckets
