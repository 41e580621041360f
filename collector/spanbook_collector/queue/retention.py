"""Which segments may go: those that every reader is done with, after a while.

Drained segments stay for a reserve (`reserve_seconds`), because a power cut may take from ClickHouse what it had
acknowledged. The reserve gives way when the queue grows past `reserve_bytes`: taking in new requests comes first.
"""

import time
from collections.abc import Callable
from pathlib import Path

from .cursors import read_cursor, reader_names
from .errors import QueueFormat
from .log import Log, Sealed
from .places import index_of


class Retention:
    """Deletes segments of one log."""

    def __init__(
        self,
        directory: Path,
        log: Log,
        reserve_seconds: float,
        reserve_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._log = log
        self._reserve_seconds = reserve_seconds
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._drained_at: dict[int, float] = {}  # segment -> when this process first saw nobody needing it

    def sweep(self) -> None:
        """Delete what may go, oldest first."""
        needed = self._needed_from()
        now = self._clock()
        if self._log.size > self._reserve_bytes and needed >= self._log.end.records and self._log.has_records:
            self._log.roll()  # or a drained segment that is still being written would fill a small queue for ever
        for segment in list(self._log.sealed):
            if segment.end.records > needed or segment.number == self._log.newest:
                return
            drained_at = self._drained_at.setdefault(segment.number, now)
            if now - drained_at >= self._reserve_seconds or self._log.size > self._reserve_bytes or _is_empty(segment):
                self._log.drop_oldest()
                del self._drained_at[segment.number]

    def _needed_from(self) -> int:
        """Return how many records from the start of the queue no reader needs any more."""
        names = reader_names(self._directory)
        return min((self._done_by(name) for name in names), default=0)

    def _done_by(self, name: str) -> int:
        try:
            cursor = read_cursor(self._directory, name)
        except QueueFormat:
            cursor = None
        if cursor is None:
            return 0
        if cursor.quota_bytes is None:
            return cursor.place.records
        return max(cursor.place.records, self._outside(cursor.quota_bytes))

    def _outside(self, quota_bytes: int) -> int:
        """Return the records of the segments that lie wholly farther back than a quota."""
        limit = self._log.end.size - quota_bytes
        return max((segment.end.records for segment in self._log.sealed if segment.end.size <= limit), default=0)


def _is_empty(segment: Sealed) -> bool:
    return index_of(segment.end.seq) == 0
