"""Usage of models by five minutes, computed anew for whole buckets.

Sums that are added to go wrong with the first repeated delivery; a bucket that is replaced cannot. Hours and days are
sums over buckets, in the view `usage_hourly`.
"""

from collections.abc import Collection

from spanbook_storage.store import Store


async def recompute_usage(store: Store, version: int, buckets: Collection[int]) -> None:
    """Replace the usage of these buckets (seconds since the epoch); takes `version` and the one after it."""
    await store.command("recompute_usage", {"version": version, "buckets": sorted(buckets)})
