"""What there is to say about a queue from outside, while it runs or not: for `spanbook check` and metrics."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from .cursors import reader_names
from .damage import Note, notes
from .reader import Lag, QueueReader
from .segments import segment_numbers, segment_path


@dataclass(frozen=True, slots=True)
class ReaderState:
    """Where one reader is."""

    lag: Lag
    quota_bytes: int | None
    dropped_records: int
    dropped_bytes: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue at a moment."""

    segments: int
    bytes: int  # on disk, drained segments in reserve included
    readers: dict[str, ReaderState]
    set_aside: list[Note]  # damaged stretches and torn tails

    @property
    def oldest_age(self) -> float:
        """Seconds since the oldest request that some reader has not committed."""
        return max((reader.lag.oldest_age for reader in self.readers.values()), default=0.0)

    @property
    def damaged(self) -> list[Note]:
        """Stretches that held acknowledged requests and cannot be read."""
        return [note for note in self.set_aside if note.kind == "damage"]


def inspect(directory: Path) -> QueueState:
    """Return the state of a queue, moving no cursor; raises QueueFormat when a newer version wrote it."""
    sizes = _segment_sizes(directory)
    return QueueState(
        segments=len(sizes),
        bytes=sum(sizes),
        readers={name: _reader_state(directory, name) for name in reader_names(directory)},
        set_aside=notes(directory),
    )


def _segment_sizes(directory: Path) -> list[int]:
    if not directory.is_dir():
        return []
    sizes = []
    for number in segment_numbers(directory):
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            sizes.append(segment_path(directory, number).stat().st_size)
    return sizes


def _reader_state(directory: Path, name: str) -> ReaderState:
    reader = QueueReader.peek(directory, name)
    try:
        cursor = reader.cursor
        return ReaderState(reader.lag(), cursor.quota_bytes, cursor.dropped_records, cursor.dropped_bytes)
    finally:
        reader.close()
