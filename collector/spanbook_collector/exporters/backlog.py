"""What an exporter still has to do: takes stretches of the queue, in order, and commits them in order.

Takes may be finished in any order; the cursor moves to the last one before which all are done.
"""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence

from spanbook_collector.queue import Batch, QueueReader, Record, Stretch

_LOOK = 0.1  # seconds between two looks at `stop`, and at what is under way, while nothing comes
_PATIENCE = 5.0  # seconds to wait for a full stretch beside another: if that takes longer, it is in trouble


class Backlog:
    """A reader, with the stretches that are under way."""

    def __init__(
        self, reader: QueueReader, limit_bytes: int, limit_seconds: float, after: int = 0, patience: float = _PATIENCE
    ) -> None:
        self._reader, self._limit_bytes, self._limit_seconds = reader, limit_bytes, limit_seconds
        self._patience = patience
        self._position = max(reader.cursor.place.seq, after)
        self._takes: dict[int, bool] = {}  # last seq of a take, in the order of the queue -> whether it is done
        self._nap: asyncio.Timeout | None = None

    async def take(self, stop: asyncio.Event) -> list[Record]:
        """Return the next stretch: so many bytes, or what has come within so many seconds; nothing when stopped.

        Beside another that is under way only a full one is worth its while: an insert costs its planning anyway.
        A request that is larger than a stretch is one alone.
        """
        records: list[Record] = []
        size, due = 0, float("inf")
        while size < self._limit_bytes and not stop.is_set():
            left = due - time.monotonic()
            if left <= (-self._patience if self._is_busy() else 0.0):
                break
            after = records[-1].seq if records else self._position
            if more := self._reader.read(self._limit_bytes - size, after=after):
                came = _size(more)
                if records and size + came > self._limit_bytes:
                    break
                records += more
                size += came
                due = min(due, time.monotonic() + self._limit_seconds)
            else:
                await self._sleep(min(left, _LOOK) if left > 0 else _LOOK)
        if stop.is_set():
            return []
        self._position = records[-1].seq
        return records

    async def _sleep(self, seconds: float) -> None:
        """Wait until more may have come, or what is under way is done."""
        try:
            async with asyncio.timeout(None) as self._nap:  # over when `done` says so
                await self._reader.wait(seconds)
        except TimeoutError:
            return
        finally:
            self._nap = None

    def _is_busy(self) -> bool:
        return not all(self._takes.values())

    def stretch(self, batch: Batch) -> Stretch:
        """Return the records of a batch that was begun before."""
        found = self._reader.range(batch.first, batch.last)
        return Stretch([record for record in found.records if record.signal == batch.signal], found.whole)

    def keep_within_quota(self) -> None:
        """Drop what is over the reader's quota, what is under way included. Raises OSError; may be repeated."""
        self._reader.keep_within_quota()

    def dropped(self, record: Record) -> bool:
        """Return whether a record that is under way was dropped meanwhile."""
        return record.seq <= self._reader.cursor.place.seq

    def uncommitted(self, last: int) -> Iterator[list[Record]]:
        """Yield the records behind the cursor, up to and with record `last`, a take's bytes at a time."""
        after = self._reader.cursor.place.seq
        while records := [one for one in self._reader.read(self._limit_bytes, after=after) if one.seq <= last]:
            yield records
            after = records[-1].seq

    def begun(self, last: int) -> int:
        """Note that everything up to record `last` is under way; returns the name of the take."""
        self._takes[last] = False
        return last

    def share(self, records: Sequence[Record]) -> int:
        """Return how many full stretches these records are, rounded up: what they take of a store's memory."""
        return -(-_size(records) // self._limit_bytes)

    def done(self, take: int) -> None:
        """Note that a take is done, and commit what is done from the start. Raises OSError; may be repeated."""
        self._takes[take] = True
        if self._nap is not None and not self._nap.expired():
            self._nap.reschedule(0)
        finished = list(itertools.takewhile(lambda one: self._takes[one], self._takes))
        if finished:
            self._reader.commit(finished[-1])
        for one in finished:
            del self._takes[one]


def _size(records: Sequence[Record]) -> int:
    return sum(len(record.body) for record in records)
