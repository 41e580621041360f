"""Trace rows: which spans go through the views that make them, and which traces go through them again.

How a trace's row comes of its spans stands in one place, the view `traced_mv`. New inserts go through it first; traces
that came in pieces, or more than once, are then computed anew. All in shares that bound the memory of a statement.
Spans never come to Python.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spanbook_storage.inserts import OVERLAP_MS, Block, Insert, Place
from spanbook_storage.store import Store

SPANS_AT_ONCE = 200_000  # of traces that are computed anew
GATHERED_AT_ONCE = 50_000  # spans, all of which are held: 200,000 took the node beyond its 1.5 GB in overload
BLOCKS_AT_ONCE = 500
DELETED_AT_ONCE = 200  # they travel in the address of a request
_EVER = 4_102_444_800_000  # milliseconds, the year 2100


@dataclass(frozen=True)
class Touched(Insert):
    """Pieces of traces that were written together, and the buckets whose usage they change, in seconds."""

    usage_buckets: frozenset[int]


@dataclass(frozen=True)
class Recomputed:
    """What a recomputation did: the number of traces, and buckets whose usage it changed besides."""

    traces: int
    buckets: frozenset[int]


async def list_inserts(store: Store, place: Place) -> list[Insert]:
    """Return the inserts of spans from a place on, some that are done among them."""
    rows = await store.query("list_span_parts", {**_from(place), "read": place.read})
    inserts = [_insert(row) for row in rows if row[-1]]
    if others := [_insert(row) for row in rows if not row[-1]]:
        names = [part.part for part in others]
        inside = [_insert(row) for row in await store.query("list_span_blocks", {**_from(place), "parts": names})]
        new = {insert.part for insert in inside}
        place.leave(part for part in others if part.part not in new)
        inserts += inside
    return inserts


async def gather_traces(store: Store, inserts: Sequence[Insert]) -> None:
    """Write the rows of traces that lie whole in these inserts, and pieces of all; twice does no harm."""
    for some in _groups(inserts):
        numbers = [insert.block[1] for insert in some]
        which = {"first": min(numbers), "last": max(numbers), "blocks": [insert.block for insert in some]}
        shares = -(-sum(insert.rows for insert in some) // GATHERED_AT_ONCE) or 1  # of a very large insert
        for share in range(shares):
            await store.command("gather_traces", which | {"shares": shares, "share": share})


async def list_touched(store: Store, place: Place) -> list[Touched]:
    """Return what was written of traces from a place on, some that is done among it."""
    rows = await store.query("list_trace_blocks", _from(place))
    return [Touched(**vars(_insert(row)), usage_buckets=frozenset(map(int, row[-1]))) for row in rows]


async def mark_traces(
    store: Store, version: int, blocks: Sequence[Block], *, since: int, oldest: int, first_before: int = _EVER
) -> None:
    """Write down which traces of these pieces, none before `since`, have to be computed anew.

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


def _from(place: Place) -> dict[str, Any]:
    return {"since": place.since, "overlap": OVERLAP_MS}


def _insert(row: Sequence[Any]) -> Insert:
    part, partition, block, newest, rows, seen = row[:6]
    return Insert(str(part), (str(partition), int(block)), int(newest), int(rows), int(seen))


def _groups(inserts: Sequence[Insert]) -> Iterator[list[Insert]]:
    """Yield inserts in turn, as many as a statement should read at once."""
    group: list[Insert] = []
    for insert in inserts:
        if group and (sum(one.rows for one in group) + insert.rows > GATHERED_AT_ONCE or len(group) == BLOCKS_AT_ONCE):
            yield group
            group = []
        group.append(insert)
    if group:
        yield group
