"""The queue's writing end: a request is answered when it is on disk.

One thread commits: it takes what has gathered (up to 8 MB), writes and fsyncs it once, and resolves the futures of all
of it. There is no timer; while one fsync runs, the next batch gathers.
"""

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from spanbook_schemas.signals import Signal

from .bells import ring
from .digests import RecentRequests, digest_of
from .disk import free_bytes, keep_ballast, lock_file, make_directory
from .errors import QueueBroken, QueueError, QueueFull
from .log import Log
from .records import Entry, Stored
from .retention import Retention

_log = logging.getLogger("spanbook.collector")
_BATCH_BYTES = 8 << 20
_LARGE_BODY = 1 << 20  # bytes whose digest would hold up the event loop
_TIDY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the queue may take."""

    max_bytes: int = 2 << 30  # of segment files
    min_free_bytes: int = 256 << 20  # left to others on the disk
    segment_bytes: int = 64 << 20  # and at most an eighth of `max_bytes`
    reserve_seconds: float = 600.0  # how long drained segments are kept
    reserve_bytes: int | None = None  # size of the queue beyond which they are not; default: half of `max_bytes`
    ballast_bytes: int = 16 << 20  # given up for cursors and journal when the disk is full; 0: none


class _Pending(NamedTuple):
    entry: Entry
    stored: asyncio.Future[None]


class Queue:
    """Takes requests, durably; one process a directory, one event loop a queue."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._recent = RecentRequests()
        self._lock_handle = lock_file(directory / "lock", f"the queue in `{directory}`")
        try:
            self._log = Log(directory, min(limits.segment_bytes, limits.max_bytes // 8), self._remember)
        except BaseException:
            os.close(self._lock_handle)
            raise
        reserve_bytes = limits.max_bytes // 2 if limits.reserve_bytes is None else limits.reserve_bytes
        self._retention = Retention(directory, self._log, limits.reserve_seconds, reserve_bytes)
        self._arriving: dict[bytes, asyncio.Future[None]] = {}
        self._gathered: list[_Pending] = []
        self._unwritten = 0  # bytes gathered or being written
        self._changed = threading.Condition()
        self._closing = self._crowded = False
        self._thread = threading.Thread(target=self._run, name="queue-commit", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, directory: Path, limits: Limits | None = None) -> Self:
        """Open or create the queue; raises QueueInUse, QueueFormat, or OSError when the directory cannot be used."""
        make_directory(directory)
        return cls(directory, limits or Limits())

    async def append(
        self,
        tenant: str,
        signal: Signal,
        body: bytes,
        received_at: int,
        *,
        sent: bytes | None = None,
    ) -> None:
        """Store a request and return once it is on disk; a repetition is not stored again.

        `sent` is what the client sent where that is not the body: requests that processing has made equal are none.
        Raises QueueFull or QueueBroken: the client may try again later.
        """
        sent = body if sent is None else sent
        if len(sent) < _LARGE_BODY:
            digest = digest_of(tenant, signal, sent)
        else:
            digest = await asyncio.to_thread(digest_of, tenant, signal, sent)
        if digest in self._recent:
            return
        stored = self._arriving.get(digest)
        if stored is None:
            stored = self._gather(Entry(tenant, signal, body, received_at, digest))
        await asyncio.shield(stored)  # a client that goes away takes nobody with it

    async def close(self) -> None:
        """Store what was taken in, and let go of the directory."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)
        self._log.close()
        os.close(self._lock_handle)

    def _gather(self, entry: Entry) -> asyncio.Future[None]:
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stored.add_done_callback(_see_exception)
        with self._changed:
            if self._closing:
                raise QueueBroken("cannot store a request: the queue is closing")
            if self._log.size + self._unwritten + entry.size > self._limits.max_bytes:
                self._crowded = True  # perhaps something may go by now
                self._changed.notify()
                raise QueueFull(f"cannot store a request: the queue has reached {self._limits.max_bytes} bytes")
            self._gathered.append(_Pending(entry, stored))
            self._unwritten += entry.size
            self._changed.notify()
        self._arriving[entry.digest] = stored
        return stored

    def _run(self) -> None:
        """Commit batches until the queue is closed and empty."""
        tidied_at = 0.0
        while (batch := self._take()) is not None:
            if batch:
                self._resolve_later(batch, self._commit(batch))
            if self._crowded or time.monotonic() - tidied_at >= _TIDY_SECONDS:
                self._crowded = False
                self._tidy()
                tidied_at = time.monotonic()

    def _take(self) -> list[_Pending] | None:
        """Wait a while for requests and return up to 8 MB of them; None when the queue is closed and empty."""
        with self._changed:
            if not self._gathered and not self._closing and not self._crowded:
                self._changed.wait(_TIDY_SECONDS)
            if not self._gathered and self._closing:
                return None
            size = count = 0
            while count < len(self._gathered) and size < _BATCH_BYTES:
                size += self._gathered[count].entry.size
                count += 1
            batch, self._gathered = self._gathered[:count], self._gathered[count:]
            return batch

    def _commit(self, batch: Sequence[_Pending]) -> QueueError | None:
        """Store a batch; returns why that was not possible."""
        try:
            free = free_bytes(self._directory)
            if free < self._limits.min_free_bytes:
                return QueueFull(f"cannot store requests: the disk has {free} bytes left")
            self._log.append([pending.entry for pending in batch])
            ring(self._directory)
        except QueueError as error:
            return error
        except Exception as error:  # whoever waits must hear of it, and the thread must live
            _log.exception("queue: cannot store requests")
            return QueueBroken(f"cannot store requests: {error}")
        return None

    def _resolve_later(self, batch: Sequence[_Pending], refusal: QueueError | None) -> None:
        with self._changed:
            self._unwritten -= sum(pending.entry.size for pending in batch)
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everybody who waited
            batch[0].stored.get_loop().call_soon_threadsafe(self._resolve, batch, refusal)

    def _resolve(self, batch: Sequence[_Pending], refusal: QueueError | None) -> None:
        for entry, stored in batch:
            del self._arriving[entry.digest]
            if refusal is None:
                self._recent.remember(entry.digest)
                stored.set_result(None)
            else:
                stored.set_exception(type(refusal)(*refusal.args))

    def _tidy(self) -> None:
        try:
            self._retention.sweep()
            keep_ballast(self._directory, self._limits.ballast_bytes)
        except OSError as error:
            _log.warning("queue: cannot tidy up: %s", error)

    def _remember(self, stored: Stored) -> None:
        self._recent.remember(stored.digest)


def _see_exception(stored: asyncio.Future[None]) -> None:
    """Mark the exception as seen: when every client has gone away, nobody else will."""
    if not stored.cancelled():
        stored.exception()
