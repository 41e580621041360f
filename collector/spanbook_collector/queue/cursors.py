"""Where a reader is: one small file a reader, replaced atomically, written by that reader alone.

The queue reads these files to know which segments nobody needs any more. A cursor with a quota holds segments only
within its quota: such a reader is a guest that cannot fill the queue.
"""

import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .bells import silence
from .disk import fsync_directory, make_directory, with_ballast, write_atomically
from .errors import QueueFormat
from .lines import decode_line, encode_line
from .places import ORIGIN, Place

_VERSION = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_SUFFIX = ".cursor"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything before `place` is dealt with by the reader."""

    place: Place = ORIGIN
    quota_bytes: int | None = None  # None: the queue waits for this reader
    dropped_records: int = 0  # left unread because of the quota, since the reader was registered
    dropped_bytes: int = 0

    def dropping_to(self, place: Place) -> "Cursor":
        """Return the cursor at a later place, what lies between counted as dropped."""
        records = max(0, place.records - self.place.records)
        size = max(0, place.size - self.place.size)
        return replace(
            self,
            place=place,
            dropped_records=self.dropped_records + records,
            dropped_bytes=self.dropped_bytes + size,
        )


def write_cursor(directory: Path, name: str, cursor: Cursor) -> None:
    """Make a reader's cursor durable."""
    path = _path(directory, name)
    make_directory(path.parent)
    line = encode_line({"version": _VERSION, **asdict(cursor), "place": list(cursor.place)})
    with_ballast(directory, lambda: write_atomically(path, line))


def read_cursor(directory: Path, name: str) -> Cursor | None:
    """Return a reader's cursor, None when there is none or it is damaged; raises QueueFormat for a newer version."""
    path = _path(directory, name)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    fields = decode_line(content)
    if fields is None:
        return None
    if fields.pop("version") > _VERSION:
        raise QueueFormat(f"cannot read `{path}`: a newer Spanbook wrote it\nhint: start the newer Spanbook again")
    return Cursor(**{**fields, "place": Place(*fields["place"])})


def reader_names(directory: Path) -> list[str]:
    """Return the names of the readers that the queue keeps data for."""
    try:
        names = os.listdir(directory / "cursors")
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def forget_reader(directory: Path, name: str) -> None:
    """Remove a reader that is not configured any more, so that the queue keeps nothing for it."""
    path = _path(directory, name)
    if path.exists():
        path.unlink()
        fsync_directory(path.parent)
    silence(directory, name)


def _path(directory: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"cannot name a reader `{name}`\nhint: use lower-case letters, digits, `.`, `_` and `-`")
    return directory / "cursors" / f"{name}{_SUFFIX}"
