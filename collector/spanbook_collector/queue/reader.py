"""The queue's reading end, in any process: what is durable, in order, from a cursor of one's own.

A read goes as far as the watermark in the segment that is being written, and in an older one as far as the next
segment's header says. A damaged stretch is set aside and skipped; a reader never stops at one.
"""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Literal, Self

from .bells import Bell
from .cursors import Cursor, read_cursor, reader_names, write_cursor
from .damage import set_aside
from .disk import make_directory
from .places import INDEX_BITS, MAX_INDEX, ORIGIN, Place, index_of
from .records import Record, Stretch
from .segments import DATA_START, Gap, SegmentFile, sealed_end, segment_numbers, segment_path
from .watermark import Watermark

_log = logging.getLogger("spanbook.collector")


@dataclass(frozen=True, slots=True)
class Lag:
    """What a reader has not committed yet."""

    bytes: int
    records: int
    oldest_age: float  # seconds since the oldest of it was received, 0 when there is none


class QueueReader:
    """Reads one queue under one name; one reader a name at a time."""

    def __init__(self, directory: Path, name: str, cursor: Cursor) -> None:
        self._directory = directory
        self._name = name
        self._cursor = cursor
        self._watermark: Watermark | None = None
        self._segment: SegmentFile | None = None
        self._bell: Bell | None = None
        self._places: dict[int, Place] = {}  # of what was read and is not committed
        self._furthest = cursor.place

    @classmethod
    def open(
        cls,
        directory: Path,
        name: str,
        *,
        start: Literal["oldest", "end"] = "oldest",
        quota_bytes: int | None = None,
    ) -> Self:
        """Open a reader, registering it when it is new: at the oldest record, or behind the newest.

        With a quota, the oldest unread records beyond it are dropped and counted; without, the queue waits for this
        reader. Raises QueueFormat when a newer version wrote the files.
        """
        make_directory(directory)
        known = read_cursor(directory, name)
        reader = cls(directory, name, known or Cursor())
        if known is None:
            if name in reader_names(directory):
                _log.warning("queue: the cursor of `%s` is damaged; it starts again at the oldest request", name)
                start = "oldest"
            reader._cursor = Cursor(reader._end() if start == "end" else reader._oldest())
            reader._furthest = reader._cursor.place
        cursor = replace(reader._cursor, quota_bytes=quota_bytes)
        if cursor != known:
            reader._move(cursor)
        return reader

    @classmethod
    def peek(cls, directory: Path, name: str) -> Self:
        """Open a reader only to look: nothing is registered; use nothing but `cursor` and `lag`."""
        return cls(directory, name, read_cursor(directory, name) or Cursor())

    @property
    def cursor(self) -> Cursor:
        """What is committed, and what was dropped."""
        return self._cursor

    def read(self, limit_bytes: int, after: int | None = None) -> list[Record]:
        """Return the durable records behind record `after` (at least: the cursor), in order, up to a number of bytes.

        At least one record comes when there is one, however large. What is damaged is left out.
        """
        durable = self._durable_end()
        with contextlib.suppress(OSError):  # a full disk is told by `commit`; what is read does not depend on it
            self._keep_within_quota(durable)
        after = max(after or 0, self._cursor.place.seq)
        records: list[Record] = []
        size = 0
        for place, record in self._from(self._place_behind(after), durable):
            if record.seq <= after:
                continue
            size += len(record.body)
            if records and size > limit_bytes:
                break
            records.append(record)
            self._places[record.seq] = self._furthest = place
        else:
            self._furthest = durable
        if not records and after == self._cursor.place.seq < durable.seq:
            with contextlib.suppress(OSError):
                self._move(replace(self._cursor, place=durable))  # past what is damaged or empty
        return records

    def range(self, first: int, last: int) -> Stretch:
        """Return the records of a range of sequence numbers, both ends included: a batch as it was."""
        found = []
        places = []
        for place, record in self._from(self._place_behind(first - 1), self._durable_end()):
            if record.seq > last:
                break
            if record.seq >= first:
                found.append(record)
                places.append(place)
                self._places[record.seq] = place
        has_both_ends = bool(found) and (found[0].seq, found[-1].seq) == (first, last)
        return Stretch(found, has_both_ends and places[-1].records - places[0].records == len(found) - 1)

    def commit(self, seq: int) -> None:
        """Make it durable that everything up to and with record `seq` is dealt with; costs two fsyncs."""
        if seq <= self._cursor.place.seq:
            return
        place = self._places.get(seq) or self._last_place(seq)
        self._move(replace(self._cursor, place=place))
        self._places = {number: place for number, place in self._places.items() if number > seq}

    def keep_within_quota(self) -> None:
        """Drop what is over the quota now, for a reader that has read but cannot go on; `read` does it too."""
        self._keep_within_quota(self._durable_end())

    def lag(self) -> Lag:
        """Return how much is not committed, and its age."""
        durable, place = self._durable_end(), self._cursor.place
        return Lag(
            bytes=max(0, durable.size - place.size),
            records=max(0, durable.records - place.records),
            oldest_age=self._oldest_age(durable),
        )

    async def wait(self, seconds: float) -> bool:
        """Wait until there may be something behind what was read last; False when the time is over.

        It sleeps until the queue rings after a commit (`bells.py`).
        """
        deadline = time.monotonic() + seconds
        while self._durable_end().seq <= self._furthest.seq:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._bell is None:
                self._bell = Bell(self._directory, self._name)
            await self._bell.listen(left)
        return True

    def close(self) -> None:
        """Close the files; what is not committed is read again next time."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if self._watermark is not None:
            self._watermark.close()
            self._watermark = None
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def _durable_end(self) -> Place:
        if self._watermark is None:
            try:
                self._watermark = Watermark(self._directory, writable=False)
            except FileNotFoundError:
                return ORIGIN
        return self._watermark.place() or ORIGIN

    def _oldest(self) -> Place:
        """Return the place before the oldest record that is still there."""
        return self._start_of_first(segment_numbers(self._directory))

    def _end(self) -> Place:
        """Return the durable end; after a power cut, until the queue is opened, the start of the newest segment."""
        durable = self._durable_end()
        return durable if durable.seq else self._start_of_first(segment_numbers(self._directory)[::-1])

    def _start_of_first(self, numbers: list[int]) -> Place:
        for number in numbers:
            if segment := self._open(number):
                return _start_of(segment, ORIGIN)
        return ORIGIN

    def _place_behind(self, seq: int) -> Place:
        """Return a known place behind a record, or else the start of its segment."""
        if seq == self._cursor.place.seq:
            return self._cursor.place
        return self._places.get(seq) or Place(seq & ~MAX_INDEX, DATA_START, 0, 0)

    def _last_place(self, seq: int) -> Place:
        """Return the place behind record `seq`, or behind the last one before it when it is damaged."""
        found = self._cursor.place
        for place, record in self._from(found, self._durable_end()):
            if record.seq > seq:
                break
            found = place
        return found

    def _from(self, place: Place, durable: Place) -> Iterator[tuple[Place, Record]]:
        """Yield the records behind a place, each with the place behind it, and set damage aside."""
        numbers = [n for n in segment_numbers(self._directory) if place.segment <= n <= durable.segment]
        for number, following in zip_longest(numbers, numbers[1:]):
            segment = self._open(number)
            if segment is None:
                continue
            start = place if place.segment == number and place.records else _start_of(segment, place)
            end = durable if number == durable.segment else sealed_end(self._directory, number, following)
            for found in segment.walk(start.offset, end.offset if end else segment.size, index_of(start.seq)):
                if isinstance(found, Gap):
                    set_aside(self._directory, segment, found, "damage")
                else:
                    yield start.behind(found.record.seq, found.end), found.record

    def _open(self, number: int) -> SegmentFile | None:
        """Return the segment, None when it was deleted meanwhile."""
        if self._segment is None or self._segment.number != number:
            if self._segment is not None:
                self._segment.close()
                self._segment = None
            try:
                self._segment = SegmentFile(segment_path(self._directory, number))
            except FileNotFoundError:
                return None
        return self._segment

    def _keep_within_quota(self, durable: Place) -> None:
        """Move the cursor over what was deleted, and over what is more than the quota; count it as dropped."""
        place = self._cursor.place
        numbers = segment_numbers(self._directory)
        quota = self._cursor.quota_bytes
        target = durable.size - quota if quota is not None else 0
        if place.size < target or (numbers and place.segment < numbers[0]):
            for number in numbers:
                segment = self._open(number) if place.segment < number <= durable.segment else None
                if segment and segment.header and (number == numbers[0] or segment.header.start.size <= target):
                    place = segment.header.start
        if place.size < target:
            place = next((place for place, _ in self._from(place, durable) if place.size >= target), durable)
        if place != self._cursor.place:
            self._drop_to(place)

    def _drop_to(self, place: Place) -> None:
        before = self._cursor
        self._move(before.dropping_to(place))
        dropped = self._cursor.dropped_records - before.dropped_records
        if dropped:
            _log.warning("queue: %d records were dropped unread by `%s`: over its quota", dropped, self._name)

    def _move(self, cursor: Cursor) -> None:
        write_cursor(self._directory, self._name, cursor)
        self._cursor = cursor

    def _oldest_age(self, durable: Place) -> float:
        for _, record in self._from(self._cursor.place, durable):
            return max(0.0, time.time() - record.received_at / 1e9)
        return 0.0


def _start_of(segment: SegmentFile, otherwise: Place) -> Place:
    """Return the place before the segment's first record; its totals are a guess when the header is lost."""
    if segment.header:
        return segment.header.start
    return Place(segment.number << INDEX_BITS, DATA_START, otherwise.records, otherwise.size)
