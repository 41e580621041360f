"""Queue -> batches -> normalize -> flatten -> stamp -> ClickHouse; the cursor moves when a batch is stored.

A batch is the records of one signal in a range of the queue, journalled before its first insert and replayed as it was.
Its token makes an insert repeatable until it is answered, and is not believed any further: the engine notes a token
before its rows, so an insert that fails in between (a full disk, a kill) leaves a token that answers for nothing. What
was not taken at the first try is taken back once it is, and goes in under a new epoch. A batch that ClickHouse refuses
is halved until the request that it cannot take stands alone; that one goes to the dead letters. What a refused insert
has left is deleted first. Where an error may be the store's fault as well, a lone request is in doubt until others of
its signal are stored.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from spanbook_collector import metrics
from spanbook_collector.config import WriterSettings
from spanbook_collector.dead_letters import DeadLetter, DeadLetters
from spanbook_collector.exporters.backlog import Backlog
from spanbook_collector.processors.check import check
from spanbook_collector.processors.flatten import flatten
from spanbook_collector.processors.normalize import normalize
from spanbook_collector.processors.stamp import stamp
from spanbook_collector.queue import Batch, Journal, QueueReader, Record
from spanbook_schemas.signals import Signal
from spanbook_storage.batches import count_batches, delete_batches
from spanbook_storage.errors import Misconfigured, Poison, Puzzling, StoreError
from spanbook_storage.store import Store

log = logging.getLogger("spanbook.collector")
T = TypeVar("T")

MEMORY_LIMIT_EXCEEDED = 241
AGAIN = 1 << 63  # added to the number of a dead letter that is sent again: it is a batch of its own
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 10.0  # seconds between two tries
PAUSE_FOR_OPERATOR = 5.0  # seconds between two tries when the store is set up wrongly
ASIDE = 8  # requests in doubt that others may pass: if there are more in a row, it is the store


@dataclasses.dataclass(frozen=True)
class Work:
    """A batch with its records; `epoch` of the batch is raised where its rows have to be written anew."""

    batch: Batch
    records: Sequence[Record]
    whole: bool = True  # else the queue has lost some: rows of the batch that are in the store are not to be deleted
    untried: bool = True  # else an insert of it was begun, and may have been cut short


@dataclasses.dataclass(frozen=True)
class Doubt:
    """A lone request, whose bytes the queue holds, and when it was refused first (monotonic seconds)."""

    batch: Batch
    refused_at: float


class Stopped(Exception):
    """The exporter stops; the batch stays in the journal."""


class ClickHouseExporter:
    """Delivers the queue to a store, several batches at a time, each exactly once."""

    def __init__(
        self,
        reader: QueueReader,
        journal: Journal,
        store: Store,
        dead_letters: DeadLetters,
        settings: WriterSettings,
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        """`stored` is called after each insert that the store has taken."""
        self._journal, self._store, self._dead_letters = journal, store, dead_letters
        self._stored = stored
        self._begun = max((batch.last for batch in (*journal.finished(), *journal.unfinished())), default=0)
        self._backlog = Backlog(reader, settings.batch_bytes, settings.batch_seconds, after=self._begun)
        self._untried: set[Batch] = set()  # what the reconciliation leaves to `run`
        self._taken_at = dict.fromkeys(Signal, 0.0)  # when the newest insert that was taken began (monotonic seconds)
        self.in_doubt = 0  # requests
        self._concurrency = settings.concurrency
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what is under way then is finished, unless the store is away."""
        self._stop = stop
        async with asyncio.TaskGroup() as group:
            with contextlib.suppress(Stopped):
                await self._run(group)

    async def _run(self, group: asyncio.TaskGroup) -> None:
        if self._begun:
            if forgotten := self._forgotten():
                await self._durably(partial(self._journal.begin, *forgotten))
            if unfinished := self._journal.unfinished():
                log.info("repeating %d batches that were under way", len(unfinished))
            await self._slots.acquire()
            started = [dataclasses.replace(self._work(one), untried=one in self._untried) for one in unfinished]
            self._start(group, self._begun, started, 1)
        # The slot comes first, so that no batch is held in memory that has to wait for one.
        while await self._slots.acquire() and (records := await self._backlog.take(self._stop)):
            last, work = records[-1].seq, batched(records)
            # A request larger than a batch takes the place of as many: the store has memory for so many bytes at once.
            slots = min(self._backlog.share(records), self._concurrency)
            del records  # who delivers them lets go of them
            for _ in range(slots - 1):
                await self._slots.acquire()
            await self._durably(partial(self._journal.begin, *(one.batch for one in work)))
            self._start(group, last, work, slots)
            del work

    async def reconcile(self, stop: asyncio.Event) -> None:
        """After the host stopped uncleanly, write anew what the store has lost of the batches that it acknowledged.

        A token may have survived its rows, or the rows their token; so rows are counted by batch, and a batch whose
        rows are not all there, or that would be repeated, is deleted and goes in under a new epoch. Of a batch that the
        queue does not hold whole nothing is deleted: where rows are missing, what is held goes in beside the others.
        """
        self._stop = stop
        for signal in Signal:
            await self._asked(partial(self._reconcile, signal))
        await self._durably(self._journal.reconciled)

    async def _reconcile(self, signal: Signal) -> None:
        unfinished = self._journal.unfinished()
        known = [batch for batch in (*self._journal.finished(), *unfinished) if batch.signal == signal]
        stored = await count_batches(self._store, signal, [batch.first for batch in known])
        broken: dict[Batch, bool] = {}  # and whether the queue holds it whole
        for one in known:
            work = self._work(one)
            if (work.whole and one in unfinished) or await self._has_lost(work, stored[one.first]):
                broken[one] = work.whole
        await delete_batches(self._store, signal, [batch.first for batch, whole in broken.items() if whole])
        for batch in broken:
            anew = dataclasses.replace(batch, epoch=batch.epoch + 1)
            await self._durably(partial(self._journal.split, batch, [anew]))
            self._untried.add(anew)
        log.warning("after the unclean stop %d of %d batches of %s are written anew", len(broken), len(known), signal)

    async def _has_lost(self, work: Work, rows: int) -> bool:
        """Return whether the store, which has so many rows of a batch, lacks any; in steps, for there may be a lot."""
        items = 0
        for record in work.records:
            if self._stop.is_set():
                raise Stopped
            await asyncio.sleep(0)
            try:
                items += check(record.signal, record.body).items
            except Exception:  # nobody can count them: to write them anew is right whatever is there
                return True
        return rows != items if work.whole else rows < items

    async def deliver_again(self, letter: DeadLetter, body: bytes) -> str:
        """Store a dead letter; returns why it is refused, nothing when it is stored."""
        record = Record(letter.seq, letter.tenant, letter.signal, letter.received_at, body)
        number = AGAIN + letter.seq
        try:
            for attempt in itertools.count():  # the first ends what an earlier life has begun
                batch = Batch(letter.signal, number, number, epoch=time.time_ns() if attempt else 0)
                pieces, spoilt = _prepared(batch, [record])
                at_once = await self._insert(batch, pieces, partial(_pieces_of, batch, record), alone=True)
                if attempt and (at_once or not await self._lacks(Work(batch, [record]))):
                    return spoilt[0][1] if spoilt else ""
                await self._take_back(batch)
        except StoreError as refusal:
            return str(refusal)
        except Stopped:
            pass
        return letter.reason

    def _forgotten(self) -> list[Batch]:
        """Return batches of what a damaged journal has lost: uncommitted, and in no batch although later ones are."""
        batches = (*self._journal.finished(), *self._journal.unfinished())
        found: list[Batch] = []
        for records in self._backlog.uncommitted(self._begun):
            near = [batch for batch in batches if batch.last >= records[0].seq]
            for signal in Signal:
                known = [batch for batch in near if batch.signal == signal]
                of_signal = [record for record in records if record.signal == signal]
                for held, run in itertools.groupby(of_signal, partial(_is_in, known)):
                    found += [] if held else [work.batch for work in batched(list(run))]
        return found

    def _start(self, group: asyncio.TaskGroup, last: int, work: list[Work], slots: int) -> None:
        group.create_task(self._finish(self._backlog.begun(last), work, slots))

    async def _finish(self, take: int, work: list[Work], slots: int) -> None:
        """Deliver a take and move the cursor; what stays undone stays in the journal."""
        with contextlib.ExitStack() as held:
            for _ in range(slots):
                held.callback(self._slots.release)
            try:
                doubts: list[Doubt] = []
                while work:
                    doubts += await self._deliver(work.pop(0))
                await self._settle(doubts, held)
                await self._durably(lambda: self._backlog.done(take))
            except Stopped:
                log.info("stopped with a batch under way; it is repeated at the next start")

    async def _deliver(self, work: Work) -> list[Doubt]:
        """Store a batch, or its halves, or set its one request aside; returns requests that are in doubt."""
        attempt = 0
        while True:
            batch, alone, records, untried = work.batch, len(work.records) <= 1, list(work.records), work.untried
            del work  # its bodies are held once: what is refused is read again
            pieces, spoilt = _prepared(batch, records)
            for record, reason in [] if attempt else spoilt:
                await self._set_aside(record, reason)
            del spoilt
            try:
                at_once = await self._insert(batch, pieces, partial(self._pieces, batch), alone=alone)
            except StoreError as refusal:
                return await self._split(self._work(batch), refusal)
            if untried and at_once:
                return await self._done(batch)
            # Its token may answer for rows that are not there; but twice in a row it is a store that is slow.
            work = self._work(batch)
            if (attempt or not work.whole) and not await self._lacks(work):
                return await self._done(batch)
            [work] = await self._replaced(work, [work])
            attempt += 1

    async def _done(self, batch: Batch) -> list[Doubt]:
        await self._durably(lambda: self._journal.done(batch))
        return []

    async def _split(self, work: Work, refusal: StoreError) -> list[Doubt]:
        if len(work.records) > 1:
            halves = await self._replaced(work, _halves(work))
            return [doubt for half in halves for doubt in await self._deliver(half)]
        if isinstance(refusal, Puzzling):
            log.warning("a request is at fault or the store, until others are stored: %s", refusal.brief)
            return [Doubt(work.batch, time.monotonic())]
        await self._give_up(work, refusal)
        return []

    async def _settle(self, doubts: Sequence[Doubt], slots: contextlib.ExitStack) -> None:
        """Try requests in doubt until each is stored, or known for poison; while they are few, others pass them."""
        count = len(doubts)
        may_be_passed = self.in_doubt + count <= ASIDE
        self.in_doubt += count
        try:
            if may_be_passed:
                slots.close()
            while doubts := [left for doubt in doubts for left in await self._left_of(doubt)]:
                await self._pause(PAUSE_FOR_OPERATOR)
        finally:
            self.in_doubt -= count

    async def _left_of(self, doubt: Doubt) -> list[Doubt]:
        """Try a request again: one that is refused although others were taken after its first refusal is poison."""
        store_is_sound = self._taken_at[doubt.batch.signal] > doubt.refused_at
        error = await self._try(doubt.batch, self._pieces(doubt.batch))
        if error is None:
            return await self._deliver(dataclasses.replace(self._work(doubt.batch), untried=False))
        if isinstance(error, Poison) or (store_is_sound and isinstance(error, Puzzling)):
            await self._give_up(self._work(doubt.batch), error)
            return []
        return [doubt]

    async def _give_up(self, work: Work, refusal: StoreError) -> None:
        """Set the request of a refused batch aside."""
        [rest] = await self._replaced(work, [work])
        for record in rest.records:
            await self._set_aside(record, str(refusal))
        await self._durably(lambda: self._journal.done(rest.batch))

    async def _replaced(self, work: Work, by: Sequence[Work]) -> list[Work]:
        """Let a batch go on as others of a raised epoch, none of whose rows are in the store if the queue has them all.

        A view that fails leaves the rows of the views before it, and the token of a batch does not cover its halves.
        What is to happen is written down first: a start that finds a raised epoch under way takes that back as well.
        """
        batch = work.batch
        raised = [Work(dataclasses.replace(one.batch, epoch=batch.epoch + 1), one.records, one.whole) for one in by]
        await self._durably(lambda: self._journal.split(batch, [one.batch for one in raised]))
        if work.whole:
            await self._take_back(batch)
        return raised

    async def _take_back(self, batch: Batch) -> None:
        """Delete what the store has of a batch."""

        async def clear() -> None:
            if (await count_batches(self._store, batch.signal, [batch.first]))[batch.first]:
                await delete_batches(self._store, batch.signal, [batch.first])

        await self._asked(clear)

    async def _lacks(self, work: Work) -> bool:
        """Return whether rows of a batch are missing in the store."""
        first = work.batch.first
        found = await self._asked(lambda: count_batches(self._store, work.batch.signal, [first]))
        return await self._has_lost(work, found[first])

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers."""
        while True:
            try:
                return await question()
            except StoreError as error:
                log.warning("cannot look after batches that may be stored in part: %s", error.brief)
            await self._pause(PAUSE_FOR_OPERATOR)

    async def _insert(
        self, batch: Batch, pieces: list[bytes], again: Callable[[], list[bytes]], *, alone: bool
    ) -> bool:
        """Insert until it is taken, and return whether it was at the first try.

        Raises StoreError when the batch is refused, Stopped when time is over. What was sent is not held while the
        store works on it: another try makes its pieces `again`.
        """
        pause, tries = SHORTEST_PAUSE, 1
        while (error := await self._try(batch, pieces)) is not None:
            if tries >= _patience(error, alone=alone):
                raise error
            if tries == 1:
                log.warning("ClickHouse did not take a batch, it is tried again: %s", error.brief)
            await self._pause(PAUSE_FOR_OPERATOR if isinstance(error, Misconfigured) else pause)
            pause, tries = min(pause * 2, LONGEST_PAUSE), tries + 1
            pieces = again()
        return tries == 1

    async def _try(self, batch: Batch, pieces: list[bytes]) -> StoreError | None:
        """Insert once, and let go of the pieces."""
        began, size = time.monotonic(), sum(map(len, pieces))
        try:
            if size:
                await self._store.insert(batch.signal, pieces, batch.token)
        except StoreError as error:
            metrics.INSERT_FAILURES.labels(type(error).__name__).inc()
            return error
        finally:
            pieces.clear()  # what could not be sent
        if size:
            self._taken_at[batch.signal] = max(began, self._taken_at[batch.signal])
            self._stored()
        metrics.INSERT_SECONDS.labels(batch.signal).observe(time.monotonic() - began)
        metrics.INSERTED_BYTES.labels(batch.signal).inc(size)
        return None

    async def _durably(self, write: Callable[[], None]) -> None:
        """Write book-keeping; a full disk is waited out, since what is under way must not be forgotten."""
        while True:
            try:
                return write()
            except OSError as error:
                log.warning("cannot write down what is under way, trying again: %s", error.strerror)
            await self._pause(1.0)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds * random.uniform(0.7, 1.3))
        if self._stop.is_set():
            raise Stopped

    async def _set_aside(self, record: Record, reason: str) -> None:
        await self._durably(lambda: self._dead_letters.put(record, reason))
        metrics.DEAD_LETTERS.labels(record.signal).inc()
        log.error("a request of %s that cannot be stored was set aside: see `spanbook check`", record.signal)

    def _pieces(self, batch: Batch) -> list[bytes]:
        return _prepared(batch, list(self._work(batch).records))[0]

    def _work(self, batch: Batch) -> Work:
        stretch = self._backlog.stretch(batch)
        return Work(batch, stretch.records, stretch.whole)


def batched(records: Sequence[Record], epoch: int = 0) -> list[Work]:
    """Return the batches of a stretch of the queue: one a signal."""
    found = {signal: [record for record in records if record.signal == signal] for signal in Signal}
    return [Work(Batch(signal, some[0].seq, some[-1].seq, epoch), some) for signal, some in found.items() if some]


def _prepared(batch: Batch, records: list[Record]) -> tuple[list[bytes], list[tuple[Record, str]]]:
    """Return the stamped requests, and those that could not be prepared; empties `records` as it goes."""
    pieces, spoilt = [], []
    records.reverse()
    while records:
        record = records.pop()
        try:
            body = flatten(batch.signal, normalize(batch.signal, record.body))
            pieces.append(stamp(batch.signal, body, record.tenant, record.received_at, batch.first))
        except Exception as error:  # a fault of ours must not hold up everybody's spans
            spoilt.append((record, f"could not be prepared: {type(error).__name__}"))
    return pieces, spoilt


def _pieces_of(batch: Batch, record: Record) -> list[bytes]:
    return _prepared(batch, [record])[0]


def _halves(work: Work) -> tuple[Work, Work]:
    middle = len(work.records) // 2
    first, second = work.records[:middle], work.records[middle:]
    signal, epoch = work.batch.signal, work.batch.epoch
    return (
        Work(Batch(signal, first[0].seq, first[-1].seq, epoch), first, work.whole),
        Work(Batch(signal, second[0].seq, second[-1].seq, epoch), second, work.whole),
    )


def _is_in(batches: Sequence[Batch], record: Record) -> bool:
    return any(batch.first <= record.seq <= batch.last for batch in batches)


def _patience(error: StoreError, *, alone: bool) -> float:
    """Return after how many tries a batch counts as refused."""
    if isinstance(error, Poison):
        return 1
    if error.code == MEMORY_LIMIT_EXCEEDED:  # smaller pieces may fit; one request has to wait for room
        return 60 if alone else 5
    return 5 if isinstance(error, Puzzling) else float("inf")
