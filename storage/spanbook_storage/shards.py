"""The shards of a cluster, each reached at an address of its own, for what Distributed tables cannot do.

They read and insert; they do not delete, and what one shard computes of its rows they would put on any. A store knows
the addresses; a connection is made when it is wanted.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from spanbook_storage.errors import Misconfigured
from spanbook_storage.store import Store, open_store


async def check_shards(store: Store, cluster: str) -> None:
    """Raise Misconfigured unless the store knows an address for every shard of the cluster."""
    number, known = int((await store.query("count_shards", {"cluster": cluster}))[0][0]), len(set(store.shards))
    if number != known:
        raise Misconfigured(
            f"cannot keep traces right on the cluster `{cluster}`: it has {number} shards, and `shards` names {known}\n"
            "hint: name one server of each, `--shards clickhouse://user:password@host:8123/spanbook --shards …`"
        )


async def name_shard(shard: Store) -> str:
    """Return how the server calls the shard it belongs to: its macro."""
    return str((await shard.query("get_shard"))[0][0])


@asynccontextmanager
async def parts(store: Store) -> AsyncIterator[list[Store]]:
    """Connect to every shard; a single node is its own only part. Raises Retryable or Misconfigured."""
    async with AsyncExitStack() as stack:
        found: list[Store] = []
        for address in store.shards:
            found.append(await open_store(address, shard=True))
            stack.push_async_callback(found[-1].close)
        yield found or [store]
