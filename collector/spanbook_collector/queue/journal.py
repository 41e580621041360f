"""What the ClickHouse exporter was doing, so that a restart repeats exactly that.

One file of checked lines (`lines.py`). The first is `{"version", "boot"}`, then one line an event:

    {"begin": [batch, ...]}                     before the first insert of these batches; fsynced
    {"split": batch, "into": [batch, ...]}      a batch goes on as its halves, or under a new epoch; fsynced
    {"done": [batch, ...]}                      stored, or given up to the dead letters; not fsynced
    {"unclean": bool}                           the host stopped uncleanly, and nothing is reconciled yet; fsynced
    {"closed": true}                            the store had everything on disk; fsynced

with a batch written as `[signal, first, last, epoch]`. A `done` that a power cut takes is no harm: its batch is
repeated, or reconciled. At each opening, and past a megabyte, the file is written anew with what still matters:
unfinished batches, and finished ones whose requests the queue still holds.
"""

import fcntl
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from spanbook_schemas.signals import Signal

from .disk import NO_ROOM, lock_file, make_directory, with_ballast, write_all, write_atomically
from .errors import QueueFormat
from .lines import decode_line, encode_line
from .places import segment_of
from .segments import segment_numbers

_log = logging.getLogger("spanbook.collector")
_VERSION = 1
_COMPACT_BYTES = 1 << 20
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one signal in a range of the queue, both ends included."""

    signal: Signal
    first: int
    last: int
    epoch: int = 0  # raised when the range is inserted anew although its old token may be remembered

    @property
    def token(self) -> str:
        """The `insert_deduplication_token`: no other batch of any queue has it."""
        return f"{self.signal}:{self.first}:{self.last}:{self.epoch}"


class Journal:
    """The batches of one exporter; one owner at a time."""

    def __init__(self, directory: Path, name: str) -> None:
        folder = directory / "journals"
        make_directory(folder)
        self._directory = directory
        self._path = folder / f"{name}.journal"
        self._lock_handle = lock_file(folder / f"{name}.lock", f"the journal `{self._path}`")
        self._handle = -1
        self._unfinished: dict[Batch, None] = {}
        self._finished: dict[Batch, None] = {}
        self._boot, self._closed = "", True
        self.unclean_host_stop = False
        try:
            self._load()
            if not self._closed and self._boot != _boot_id():
                self.unclean_host_stop = True
            self._rewrite_if_there_is_room()
        except BaseException:
            self._release()
            raise

    @classmethod
    def open(cls, directory: Path, name: str = "clickhouse") -> Self:
        """Open or create the journal in the queue's directory; raises QueueInUse and QueueFormat."""
        return cls(directory, name)

    def unfinished(self) -> list[Batch]:
        """Return the batches that were begun and not done, in the order in which they were begun."""
        return list(self._unfinished)

    def finished(self) -> list[Batch]:
        """Return the batches that are done and whose requests the queue still holds, for reconciliation."""
        oldest = min(segment_numbers(self._directory), default=None)
        return [batch for batch in self._finished if oldest is not None and segment_of(batch.first) >= oldest]

    def begin(self, *batches: Batch) -> None:
        """Make it durable that these batches will be inserted, as they are."""
        self._append({"begin": [_pack(batch) for batch in batches]}, sync=True)
        self._begin(batches)

    def split(self, batch: Batch, into: Iterable[Batch]) -> None:
        """Make it durable that a batch goes on as others, its halves, and is not inserted itself any more."""
        halves = tuple(into)
        self._append({"split": _pack(batch), "into": [_pack(half) for half in halves]}, sync=True)
        self._split(batch, halves)

    def done(self, *batches: Batch) -> None:
        """Note that nothing is left to do for these batches."""
        self._append({"done": [_pack(batch) for batch in batches]}, sync=False)
        self._done(batches)

    def reconciled(self) -> None:
        """Make it durable that the store has been compared with the queue after an unclean stop of the host."""
        self._append({"unclean": False}, sync=True)
        self.unclean_host_stop = False

    def close(self, *, clean: bool = False) -> None:
        """Close the file; `clean` says that whatever the store has acknowledged is on its disk."""
        try:
            if clean:
                self._append({"closed": True}, sync=True)
        finally:
            self._release()

    def _begin(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            self._finished.pop(batch, None)
            self._unfinished[batch] = None

    def _split(self, batch: Batch, halves: Iterable[Batch]) -> None:
        self._unfinished.pop(batch, None)
        self._begin(halves)

    def _done(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            self._unfinished.pop(batch, None)
            self._finished[batch] = None

    def _append(self, event: dict[str, Any], *, sync: bool) -> None:
        line = encode_line(event)
        try:
            if self._handle < 0 or self._size + len(line) > self._limit:
                self._rewrite()
            with_ballast(self._directory, lambda: self._write(line, sync=sync))
        except OSError:
            self._forget_file()  # what it holds now is unknown: the next event writes a new one
            raise

    def _write(self, line: bytes, *, sync: bool) -> None:
        os.ftruncate(self._handle, self._size)  # what a failed try left
        write_all(self._handle, line)
        if sync:
            os.fdatasync(self._handle)
        self._size += len(line)

    def _rewrite(self) -> None:
        """Write the file anew, with what still matters."""
        self._forget_file()
        self._finished = dict.fromkeys(self.finished())
        events: list[dict[str, Any]] = [{"version": _VERSION, "boot": _boot_id()}]
        if self.unclean_host_stop:
            events.append({"unclean": True})
        if self._finished:
            events.append({"done": [_pack(batch) for batch in self._finished]})
        if self._unfinished:
            events.append({"begin": [_pack(batch) for batch in self._unfinished]})
        content = b"".join(encode_line(event) for event in events)
        with_ballast(self._directory, lambda: write_atomically(self._path, content))
        self._handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._size = len(content)
        self._limit = max(_COMPACT_BYTES, 2 * self._size)

    def _rewrite_if_there_is_room(self) -> None:
        """Start with a new file; on a full disk the old one stays, and the next event tries again."""
        try:
            self._rewrite()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            _log.warning("queue: cannot write %s: %s", self._path.name, error.strerror)

    def _load(self) -> None:
        if not self._path.exists():
            return
        lines = self._path.read_bytes().splitlines(keepends=True)
        self._closed = False
        for number, line in enumerate(lines, 1):
            event = decode_line(line)
            if event is not None:
                self._replay(event)
            elif number < len(lines):
                self._keep_damaged(number)

    def _replay(self, event: dict[str, Any]) -> None:
        if event.get("version", _VERSION) > _VERSION:
            raise QueueFormat(
                f"cannot read `{self._path}`: a newer Spanbook wrote it\nhint: start the newer Spanbook again"
            )
        self._boot = event.get("boot", self._boot)
        self._closed = event.get("closed", False)
        self.unclean_host_stop = event.get("unclean", self.unclean_host_stop)
        if "split" in event:
            self._split(_unpack(event["split"]), [_unpack(packed) for packed in event["into"]])
        self._begin(_unpack(packed) for packed in event.get("begin", ()))
        self._done(_unpack(packed) for packed in event.get("done", ()))

    def _keep_damaged(self, number: int) -> None:
        folder = self._directory / "damaged"
        _log.warning("queue: line %d of %s is damaged; a copy is set aside in %s", number, self._path.name, folder)
        make_directory(folder)
        write_atomically(folder / self._path.name, self._path.read_bytes())

    def _forget_file(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _release(self) -> None:
        self._forget_file()
        fcntl.flock(self._lock_handle, fcntl.LOCK_UN)
        os.close(self._lock_handle)


def _pack(batch: Batch) -> list[str | int]:
    return [batch.signal.value, batch.first, batch.last, batch.epoch]


def _unpack(packed: list[Any]) -> Batch:
    signal, first, last, epoch = packed
    return Batch(Signal(signal), first, last, epoch)


def _boot_id() -> str:
    """Return what changes with every start of the host; empty where the system does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
