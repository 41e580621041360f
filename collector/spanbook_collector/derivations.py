"""The writer's task that keeps derived rows right: one derivation, on a cluster one for each shard.

A shard is reached at an address of its own, since what is computed anew has to be read and written in one place. One
that does not answer holds up nobody else, neither the other shards nor the writer.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from spanbook_collector import metrics
from spanbook_collector.config import Config
from spanbook_collector.stores import reach
from spanbook_schemas.addresses import without_secret
from spanbook_storage.derivation import Derivation
from spanbook_storage.errors import Misconfigured
from spanbook_storage.shards import name_shard
from spanbook_storage.store import Store, open_store


async def derive(config: Config, store: Store, running: dict[str, Derivation], stop: asyncio.Event) -> None:
    """Keep what is derived from spans right until `stop` is set; what does so is `running`, by shard."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(running))
        if config.cluster:
            async with asyncio.TaskGroup() as shards:
                for address in config.shards:
                    shards.create_task(_derive_shard(address, running, stop))
        else:
            running[""] = Derivation(store)
            await running[""].run(stop)
        watching.cancel()


async def _derive_shard(address: str, running: dict[str, Derivation], stop: asyncio.Event) -> None:
    if opened := await reach(partial(_open, address, running), stop):
        shard, derivation = opened
        await derivation.run(stop)
        await shard.close()


async def _open(address: str, running: dict[str, Derivation]) -> tuple[Store, Derivation]:
    """Connect to a shard. Raises Misconfigured when another address is of the same one."""
    shard = await open_store(address, shard=True)
    try:
        if (name := await name_shard(shard)) in running:
            raise Misconfigured(
                f"cannot derive rows through `{without_secret(address)}`: shard `{name}` has an address already\n"
                "hint: `shards` names one server of each shard"
            )
    except BaseException:
        await shard.close()
        raise
    derivation = running[name] = Derivation(shard)
    return shard, derivation


async def _watch(running: Mapping[str, Derivation]) -> None:
    """Keep the gauges of what is recomputed: sums over the shards, and the lag of the last."""
    while True:
        progress = [derivation.progress for derivation in running.values()]
        metrics.DERIVATION_LAG_SECONDS.set(max((one.lag_seconds for one in progress), default=0.0))
        metrics.RECOMPUTED_TRACES.set(sum(one.traces for one in progress))
        metrics.DERIVATION_BUSY_SECONDS.set(sum(one.busy_seconds for one in progress))
        await asyncio.sleep(1.0)
