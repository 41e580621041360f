"""What cannot be read any more is set aside, never dropped in silence.

`damaged/` holds one note (JSON) a stretch and, beside it, its bytes. The names come from segment and offset, so that
several readers of one damaged stretch report it once.
"""

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from .disk import make_directory, write_atomically
from .segments import Gap, SegmentFile

_log = logging.getLogger("spanbook.collector")
_KEPT_BYTES = 256 << 20  # of set-aside bytes; notes are always written

Kind = Literal["damage", "torn tail"]


@dataclass(frozen=True, slots=True)
class Note:
    """A stretch that was set aside: `damage` was acknowledged data, a `torn tail` was not."""

    kind: Kind
    segment: int
    start: int
    end: int
    first_lost: int  # index in the segment of the first record that may be lost
    records: int | None  # at most so many records; None when nobody can know


def set_aside(directory: Path, segment: SegmentFile, gap: Gap, kind: Kind) -> None:
    """Keep a stretch's bytes and a note of it in `damaged/`, once."""
    folder = directory / "damaged"
    name = f"{segment.number:016d}-{gap.start}"
    note_path = folder / f"{name}.json"
    if note_path.exists():
        return
    note = Note(kind, segment.number, gap.start, gap.end, gap.before + 1, gap.lost)
    _log.warning("queue: %s of %d bytes in %s is set aside in %s", kind, gap.end - gap.start, segment.path.name, folder)
    try:
        make_directory(folder)
        _keep_bytes(folder / f"{name}.bytes", segment, gap)
        write_atomically(note_path, json.dumps(asdict(note)).encode())
    except OSError as error:
        _log.warning("queue: cannot write to %s: %s", folder, error)


def notes(directory: Path) -> list[Note]:
    """Return what was set aside so far."""
    found = []
    for path in sorted((directory / "damaged").glob("*.json")):
        try:
            found.append(Note(**json.loads(path.read_bytes())))
        except (OSError, ValueError, TypeError) as error:
            _log.warning("queue: cannot read %s: %s", path, error)
    return found


def _keep_bytes(path: Path, segment: SegmentFile, gap: Gap) -> None:
    kept = sum(entry.stat().st_size for entry in os.scandir(path.parent) if entry.name.endswith(".bytes"))
    stretch = segment.raw(gap.start, gap.end)
    if stretch.strip(b"\0") and kept + len(stretch) <= _KEPT_BYTES:
        write_atomically(path, stretch)
