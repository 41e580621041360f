"""Usage of models by five minutes, computed anew for whole buckets.

Sums that are added to go wrong with the first repeated delivery; a bucket that is replaced cannot. Hours and days are
sums over buckets, in the view `usage_hourly`.
"""

from collections.abc import Collection

from spanbook_storage.store import Store

BUCKET = 300  # seconds


async def mark_repeated_calls(store: Store, version: int, buckets: Collection[int]) -> int:
    """Mark spans that repeat a request which another span tells; their traces are sent through the views again.

    Returns how many marks changed.
    """
    near = sorted({bucket - step for bucket in buckets for step in (-BUCKET, 0, BUCKET)})
    rows = [
        {
            "tenant": str(tenant),
            "trace_id": str(trace_id),
            "span_id": str(span_id),
            "counts": 0,
            "version": version,
            "is_deleted": 0 if repeats else 1,
        }
        for tenant, trace_id, span_id, repeats in await store.query("list_repeated_calls", {"buckets": near})
    ]
    if rows:
        await store.insert_rows("call_marks", rows)
        await store.command("refeed_marked_traces", {"oldest": near[0], "newest": near[-1], "version": version})
    return len(rows)


async def recompute_usage(store: Store, version: int, buckets: Collection[int]) -> None:
    """Replace the usage of these buckets (seconds since the epoch); takes `version` and the one after it."""
    await store.command("recompute_usage", {"version": version, "buckets": sorted(buckets)})
