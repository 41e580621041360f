"""The writing end of the segments: append, fsync, publish; and what a start does about the last stop.

A start never appends to an old file. It verifies the last segment, sets its torn tail aside, fsyncs it, and opens a new
segment whose header says where the old one ends. A file whose write or fsync failed is never written again either:
after such an error the kernel may call pages clean that are not on disk.
"""

import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from .damage import set_aside
from .digests import REMEMBERED_SECONDS
from .disk import NO_ROOM
from .errors import QueueBroken, QueueFull
from .places import MAX_INDEX, ORIGIN, Place, first_segment, index_of
from .records import Entry, RecordCodec, Stored
from .segments import DATA_START, SegmentFile, create_segment, sealed_end, segment_numbers, segment_path
from .watermark import Watermark

_log = logging.getLogger("spanbook.collector")
_BUFFERS_A_CALL = 1024  # IOV_MAX


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment that is not written any more."""

    number: int
    size: int  # of the file
    end: Place


class Log:
    """Appends batches of entries; one owner at a time, no locking of its own."""

    def __init__(self, directory: Path, segment_bytes: int, on_record: Callable[[Stored], None]) -> None:
        """Open the log, repair its end, and hand every record of the last ten minutes to `on_record`."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._watermark = Watermark(directory, writable=True)
        self._handle = -1
        self._codec: RecordCodec | None = None
        self.sealed: deque[Sealed] = deque()
        self._sealed_bytes = 0
        self.end = self._recover(on_record)
        self._watermark.publish(self.end)
        self._number = self.sealed[-1].number if self.sealed else first_segment() - 1
        try:
            self.roll()
        except (QueueFull, QueueBroken) as error:
            _log.warning("queue: %s; requests are refused until that works", error)

    @property
    def size(self) -> int:
        """Bytes of all segment files."""
        return self._sealed_bytes + (self.end.offset if self._handle >= 0 else 0)

    @property
    def newest(self) -> int:
        """Number of the newest segment file, which is never deleted."""
        return self.end.segment if self._handle >= 0 else self.sealed[-1].number

    @property
    def has_records(self) -> bool:
        """Whether the segment being written has any."""
        return self._handle >= 0 and self.end.offset > DATA_START

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries and fsync them; raises QueueFull or QueueBroken, and then none of them is in the queue."""
        if self._handle < 0 or self._has_no_room_for(entries):
            self.roll()
        try:
            self._write(entries)
        except OSError as error:
            if error.errno in NO_ROOM and self._undo():
                raise QueueFull(f"cannot store {len(entries)} requests: {error.strerror}") from error
            _log.warning("queue: writing failed (%s); going on in a new segment", error)
            self._seal()
            self.roll()
            self._write_once_more(entries)

    def roll(self) -> None:
        """Go on in a new segment; raises QueueFull or QueueBroken, and the next append tries again."""
        if self._handle >= 0:
            self._seal()
        self._number += 1  # also when it fails: a number is used once
        try:
            self._handle, header = create_segment(self._directory, self._number, self.end)
        except OSError as error:
            raise _refusal(error) from error
        self._codec = RecordCodec(header.key)
        self.end = header.start
        self._watermark.publish(self.end)

    def drop_oldest(self) -> Sealed:
        """Delete the oldest sealed segment; there must be a newer file, which remembers the numbers."""
        segment = self.sealed.popleft()
        self._sealed_bytes -= segment.size
        segment_path(self._directory, segment.number).unlink(missing_ok=True)
        return segment

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._watermark.close()

    def _has_no_room_for(self, entries: Sequence[Entry]) -> bool:
        size = sum(entry.size for entry in entries)
        full = self.has_records and self.end.offset + size > self._segment_bytes
        return full or index_of(self.end.seq) + len(entries) > MAX_INDEX

    def _write(self, entries: Sequence[Entry]) -> None:
        assert self._codec is not None
        buffers: list[bytes] = []
        for seq, entry in enumerate(entries, self.end.seq + 1):
            buffers += (self._codec.encode(seq, entry), entry.body)
        offset = self.end.offset
        for first in range(0, len(buffers), _BUFFERS_A_CALL):
            part = buffers[first : first + _BUFFERS_A_CALL]
            written = os.pwritev(self._handle, part, offset)
            offset += written
            if written != sum(map(len, part)):
                raise OSError(errno.ENOSPC, "short write")
        self._sync()
        self._advance(len(entries), offset - self.end.offset)

    def _sync(self) -> None:
        """Flush the file; any failure, also for lack of room, means that the file cannot be trusted any more."""
        try:
            os.fdatasync(self._handle)
        except OSError as error:
            raise OSError(errno.EIO, f"fsync: {error.strerror}") from error

    def _advance(self, records: int, size: int) -> None:
        end = self.end
        self.end = Place(end.seq + records, end.offset + size, end.records + records, end.size + size)
        self._watermark.publish(self.end)

    def _undo(self) -> bool:
        """Cut off what a failed write left; True when that is on disk, and the file can be used further."""
        try:
            os.ftruncate(self._handle, self.end.offset)
            os.fsync(self._handle)
        except OSError as error:
            _log.warning("queue: cannot cut a failed write off: %s", error)
            return False
        return True

    def _write_once_more(self, entries: Sequence[Entry]) -> None:
        try:
            self._write(entries)
        except OSError as error:
            self._seal()
            raise _refusal(error) from error

    def _seal(self) -> None:
        handle, self._handle = self._handle, -1
        self._add_sealed(Sealed(self.end.segment, os.fstat(handle).st_size, self.end))
        os.close(handle)

    def _add_sealed(self, segment: Sealed) -> None:
        self.sealed.append(segment)
        self._sealed_bytes += segment.size

    def _recover(self, on_record: Callable[[Stored], None]) -> Place:
        numbers = segment_numbers(self._directory)
        end = ORIGIN
        for number, following in zip_longest(numbers, numbers[1:]):
            with SegmentFile(segment_path(self._directory, number)) as segment:
                end = sealed_end(self._directory, number, following) or self._repair(segment, end)
                self._add_sealed(Sealed(number, segment.size, end))
                if time.time() - segment.modified_at < REMEMBERED_SECONDS:
                    _replay(segment, end.offset, on_record)
        return end

    def _repair(self, segment: SegmentFile, before: Place) -> Place:
        """Find the last segment's end, make it durable, and set aside what lies behind it."""
        segment.fsync()
        known = self._watermark.place()
        if known is None or known.segment != segment.number:
            known = None
        start = segment.header.start if segment.header else known or before
        end = start
        for found in segment.walk(DATA_START, segment.size):
            if isinstance(found, Stored):
                end = start.behind(found.record.seq, found.end)
            elif not found.after:
                acknowledged = known is not None and known.offset > found.start
                set_aside(self._directory, segment, found, "damage" if acknowledged else "torn tail")
        return known if known and known.offset > end.offset else end


def _replay(segment: SegmentFile, end: int, on_record: Callable[[Stored], None]) -> None:
    for found in segment.walk(DATA_START, end):
        if isinstance(found, Stored):
            on_record(found)


def _refusal(error: OSError) -> QueueFull | QueueBroken:
    if error.errno in NO_ROOM:
        return QueueFull(f"cannot store requests: {error.strerror}")
    return QueueBroken(f"cannot store requests: {error.strerror}")
