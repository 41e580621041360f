"""What makes derived rows, and keeps them right: a task of the writer that computes traces and usage of new inserts.

It works from what is in the store, not from what this process inserted, so a second collector, a foreign writer or a
crash leave nothing wrong: inserts of spans are gathered into pieces of traces, and traces with several pieces are
computed anew. These two and usage go on side by side, so that none waits for what it does not need. Their places, in
the spans and in the pieces, are durable (inserts.py); what is done twice gives the same rows. On a cluster each shard
has one of its own, which reads and writes there alone.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from spanbook_storage.errors import Misconfigured, StoreError
from spanbook_storage.inserts import Block, Place
from spanbook_storage.prices import refeed_repriced, resolve_aliases
from spanbook_storage.store import Store
from spanbook_storage.traces import Touched, gather_traces, list_inserts, list_touched, mark_traces, recompute_traces
from spanbook_storage.usage import mark_repeated_calls, recompute_usage

log = logging.getLogger("spanbook.storage")

NAME = "traces"
PRICES = "prices"
PAUSE = 0.5  # seconds between looks while nobody says that there is something to do
# After work of t seconds a loop rests for t * t: a statement costs its planning, 0.1 to 0.3 s CPU, however few traces
# it does. So with time to spare a trace is right in a second, and the busier the store, the more each statement does.
LONGEST_REST = 1.5  # seconds
RETRY = 2.0  # seconds after the store refused
# Usage of a bucket that spans still fall into: wait, so that a bucket is read whole at most every few seconds …
USAGE_PAUSE = 2.0
USAGE_SHARE = 20  # … and for at most one part in this many of the time
BUCKETS_AT_ONCE = 12
# Most traces are over in minutes, and looking through weeks of inserts for their first spans costs the more the longer
# they are kept. So inserts older than this are looked through, for all traces touched since the last time, …
RECENT_MS = 2 * 86_400_000
LOOK_BACK_SHARE = 20  # … for at most one part in this many of the time, which on a small book is every tick,
LOOK_BACK_PAUSE = 300.0  # … and at least this often, in seconds.
PRICES_PAUSE = 5.0  # seconds between looks at the price list
# On a cluster prices and names come from other nodes, perhaps in another order, and perhaps before this shard's usage
# knows the model: what they touch is looked for once more after so many seconds.
PRICES_SETTLE = 60.0


@dataclass
class Progress:
    """What the derivation has done since it started, for metrics."""

    traces: int = 0
    buckets: int = 0
    errors: int = 0
    lag_seconds: float = 0.0  # age of the oldest insert that was found undone
    busy_seconds: float = 0.0


@dataclass
class _State:
    version: int = 0
    spans: Place = field(default_factory=Place)
    pieces: Place = field(default_factory=Place)
    dirty: set[int] = field(default_factory=set)  # buckets whose usage is to be computed …
    unlooked: set[Block] = field(default_factory=set)
    computing: set[int] = field(default_factory=set)  # … and is being computed, from what was there when that began


class Derivation:
    """Recomputes what new inserts touched, in a store or a shard; one for each writer, several do no harm."""

    def __init__(self, store: Store) -> None:
        self.progress = Progress()
        self._store = store
        self._state: _State | None = None
        self._saved = True
        self._loading, self._saving = asyncio.Lock(), asyncio.Lock()
        self._inserted, self._gathered, self._dirtied = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._usage_due = 0.0
        self._look_back_due = 0.0
        self._unlooked_since = 0  # milliseconds
        self._prices_due = 0.0
        self._prices_seen: int | None = None  # microseconds
        self._prices_newest = 0
        self._prices_settled = 0.0

    def notice(self) -> None:
        """Say that spans were inserted; who inserts without saying so is found a little later."""
        self._inserted.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the store's errors are waited out."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._repeat(self._gather, self._inserted, stop))
            loops.create_task(self._repeat(self._traces, self._gathered, stop))
            loops.create_task(self._repeat(self._usage, self._dirtied, stop))
            await stop.wait()
            for news in (self._inserted, self._gathered, self._dirtied):
                news.set()

    async def tick(self, *, everything: bool = False) -> bool:
        """Do what is due, all that there is when `everything`; returns whether there was any. Raises StoreError."""
        worked = await self._gather()
        worked = await self._traces(everything=everything) or worked
        return await self._usage(everything=everything) or worked

    async def _repeat(self, work: Callable[[], Awaitable[bool]], news: asyncio.Event, stop: asyncio.Event) -> None:
        told = ""
        while not stop.is_set():
            started = time.monotonic()
            news.clear()
            try:
                took = time.monotonic() - started if await work() else 0.0
                rest = min(took * took, LONGEST_REST)
                self.progress.busy_seconds += took
                told = ""
            except StoreError as error:
                self.progress.errors += 1
                self._state = None
                rest = RETRY
                if (text := error.brief) != told:
                    log.log(
                        logging.ERROR if isinstance(error, Misconfigured) else logging.WARNING,
                        "derived rows wait: %s",
                        text,
                    )
                    told = text
            await _wait(stop, rest)
            await _wait(news, PAUSE)

    async def _loaded(self) -> _State:
        async with self._loading:
            self._state = self._state or await self._load()
            return self._state

    async def _gather(self) -> bool:
        """Make rows of whole traces, and pieces of all, of what was inserted since the last look."""
        state = await self._loaded()
        inserts = state.spans.undone(await list_inserts(self._store, state.spans))
        self.progress.lag_seconds = max((insert.age_seconds for insert in inserts), default=0.0)
        if inserts:
            await gather_traces(self._store, inserts)
            state.spans.pass_by(inserts)
            self._saved = False
            self._gathered.set()
        return bool(inserts)

    async def _traces(self, *, everything: bool = False) -> bool:
        """Compute anew what came in pieces, or was sent again."""
        started = time.monotonic()
        state = await self._loaded()
        touched = state.pieces.undone(await list_touched(self._store, state.pieces))
        self.progress.lag_seconds = max([self.progress.lag_seconds, *(one.age_seconds for one in touched)])
        look_back = everything or started >= self._look_back_due
        if not touched and not (look_back and state.unlooked):
            await self._save_at_rest(state)
            return False
        version = await self._take_version(state)
        looked = await self._mark(state, version, touched, look_back)
        done = await recompute_traces(self._store, version)
        if look_back:
            finished = time.monotonic()
            self._look_back_due = finished + min(LOOK_BACK_SHARE * (finished - started), LOOK_BACK_PAUSE)
        self.progress.traces += done.traces
        state.unlooked -= looked
        state.dirty.update(done.buckets, *(one.usage_buckets for one in touched))
        state.pieces.pass_by(touched)
        self._saved = False
        self._dirtied.set()
        return True

    async def _mark(self, state: _State, version: int, found: list[Touched], look_back: bool) -> set[Block]:
        """Mark what these inserts touched, and with `look_back` the old traces among what was touched before.

        Returns the pieces for which old ones need not be looked for any more, once what is marked is computed.
        """
        recent = version // 1000 - RECENT_MS
        blocks = [touched.block for touched in found]
        oldest = 0 if look_back else recent
        since = state.pieces.since
        await mark_traces(self._store, version, blocks, since=since, oldest=oldest)
        if not look_back:
            self._unlooked_since = min(self._unlooked_since, since) if state.unlooked else since
            state.unlooked.update(blocks)
            return set()
        looked = set(state.unlooked)
        await mark_traces(
            self._store, version, sorted(looked), since=self._unlooked_since, oldest=0, first_before=recent
        )
        return looked

    async def _usage(self, *, everything: bool = False) -> bool:
        """Compute the usage of buckets, and look at prices, where due."""
        state = await self._loaded()
        due = bool(state.dirty) and (everything or time.monotonic() >= self._usage_due)
        if due:
            await self._compute_usage(state)
        return await self._prices(everything) or due

    async def _compute_usage(self, state: _State) -> None:
        started = time.monotonic()
        buckets = sorted(state.dirty)[-BUCKETS_AT_ONCE:]  # the newest first: somebody looks at them
        state.computing.update(buckets)
        state.dirty.difference_update(buckets)
        version = await self._take_version(state, count=2)
        await mark_repeated_calls(self._store, version, buckets)
        await recompute_usage(self._store, version, buckets)
        state.computing.difference_update(buckets)
        self.progress.buckets += len(buckets)
        if await resolve_aliases(self._store):
            self._prices_due = 0.0
        self._saved = False
        finished = time.monotonic()
        self._usage_due = finished + (0 if state.dirty else max(USAGE_PAUSE, USAGE_SHARE * (finished - started)))

    async def _prices(self, everything: bool) -> bool:
        """Look whether a price has changed; what it touches is found touched by the next tick."""
        if time.monotonic() < self._prices_due and not everything:
            return False
        if self._prices_seen is None:
            rows = await self._store.query("get_derivation_state", {"name": PRICES})
            self._prices_seen = int(rows[0][0]) if rows else 0
        newest = int((await self._store.query("get_newest_price"))[0][0])
        refed = await self._reprice(newest, self._prices_seen) if newest > self._prices_seen else 0
        self._prices_due = time.monotonic() + PRICES_PAUSE
        return refed > 0

    async def _reprice(self, newest: int, seen: int) -> int:
        """Refeed what prices since `seen` touch, on a shard once more when they have settled; returns how many."""
        again = newest == self._prices_newest
        if again and time.monotonic() < self._prices_settled:
            return 0
        await self._store.command("save_priced_models")
        refed = await refeed_repriced(self._store, seen)
        if again or not self._store.shard:
            await self._store.command("save_derivation_state", _nothing_done(PRICES, newest))
            self._prices_seen = newest
        else:
            self._prices_newest, self._prices_settled = newest, time.monotonic() + PRICES_SETTLE
        return refed

    async def _take_version(self, state: _State, count: int = 1) -> int:
        """Return the first of versions above all that were taken before, by the store's clock, and write them down."""
        async with self._saving:
            rows = await self._store.query("take_version", {"name": NAME})
            version = max(int(rows[0][0]), state.version + 1)
            await self._save(state, version + count - 1)
            return version

    async def _save_at_rest(self, state: _State) -> None:
        if not self._saved:
            self._saved = True
            async with self._saving:
                await self._save(state, state.version + 1)

    async def _save(self, state: _State, version: int) -> None:
        await self._store.command(
            "save_derivation_state",
            {
                "name": NAME,
                "version": version,
                "gathered_since": state.spans.since,
                "gathered": sorted(state.spans.done),
                "since": state.pieces.since,
                "done": sorted(state.pieces.done),
                "dirty": sorted(state.dirty | state.computing),
                "unlooked": sorted(state.unlooked),
            },
        )
        state.version = version

    async def _load(self) -> _State:
        rows = await self._store.query("get_derivation_state", {"name": NAME})
        if not rows:
            return _State()
        version, gathered_since, gathered, since, done, dirty, unlooked = rows[0]
        self._unlooked_since = 0
        return _State(
            int(version), Place.of(int(gathered_since), gathered), Place.of(int(since), done),
            {int(bucket) for bucket in dirty}, {(str(partition), int(block)) for partition, block in unlooked},
        )  # fmt: skip


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def _nothing_done(name: str, version: int) -> dict[str, object]:
    nothing: dict[str, object] = {one: [] for one in ("gathered", "done", "dirty", "unlooked")}
    return {"name": name, "version": version, "gathered_since": 0, "since": 0, **nothing}
