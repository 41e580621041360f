"""A segment: one append-only file of records, named by its number.

The header stands twice, a page apart, because whoever loses the key loses the file. It also says where the *previous*
segment ends: what a failed write or a crash left behind that place was never acknowledged, and is not read.
"""

import errno
import itertools
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import google_crc32c

from .disk import fsync_directory, write_all
from .errors import QueueFormat
from .places import INDEX_BITS, PLACE_BYTES, Place, index_of, segment_of
from .records import HEAD_BYTES, KEY_BYTES, RecordCodec, Stored

FORMAT_VERSION = 1
DATA_START = 8192
_MAGIC = b"SPANBOOK"
_COPIES = (0, 4096)
_HEADER = struct.Struct(f"<8sHQQ{KEY_BYTES}s{PLACE_BYTES}s")  # magic, version, number, made at, key, previous end
_CRC = struct.Struct("<I")
_WINDOW = 256 << 10
_SMALL_WINDOW = 4 << 10  # beside large bodies, which are read for themselves
_LARGE = 32 << 10
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself and of the end of the one before it."""

    number: int
    key: bytes
    previous: Place

    @property
    def start(self) -> Place:
        """The place before the segment's first record."""
        return Place(self.number << INDEX_BITS, DATA_START, self.previous.records, self.previous.size)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without a valid record; `before` and `after` are the indexes beside it (`after` 0: none follows)."""

    start: int
    end: int
    before: int
    after: int

    @property
    def lost(self) -> int | None:
        """Return how many records it can have held, None when nothing behind it tells."""
        return self.after - self.before - 1 if self.after else None


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:016d}.segment"


def segment_numbers(directory: Path) -> list[int]:
    """Return the numbers of the segments that exist, ascending."""
    return sorted(int(name[:16]) for name in os.listdir(directory) if name.endswith(".segment") and name[:16].isdigit())


def create_segment(directory: Path, number: int, previous: Place) -> tuple[int, Header]:
    """Create a segment, durable with its name, and return its file handle; nothing is left behind on failure."""
    path = segment_path(directory, number)
    header = Header(number, os.urandom(KEY_BYTES), previous)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        write_all(handle, _pack(header))
        os.fsync(handle)
        fsync_directory(directory)
    except OSError:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise
    return handle, header


def sealed_end(directory: Path, number: int, following: int | None) -> Place | None:
    """Return where the next segment's header says that this one ends, None when it does not say."""
    if following is None:
        return None
    try:
        with SegmentFile(segment_path(directory, following)) as segment:
            header = segment.header
    except FileNotFoundError:
        return None
    return header.previous if header and header.previous.segment == number else None


def _pack(header: Header) -> bytes:
    fields = _HEADER.pack(_MAGIC, FORMAT_VERSION, header.number, time.time_ns(), header.key, header.previous.pack())
    copy = fields + _CRC.pack(google_crc32c.value(fields))
    return b"".join(copy.ljust(_PAGE, b"\0") for _ in _COPIES)


def _unpack(page: bytes) -> Header | None:
    fields = page[: _HEADER.size]
    if len(page) < _HEADER.size + _CRC.size or _CRC.unpack_from(page, _HEADER.size)[0] != google_crc32c.value(fields):
        return None
    _, _, number, _, key, previous = _HEADER.unpack(fields)
    return Header(number, key, Place.unpack(previous))


class SegmentFile:
    """Reads one segment and verifies what it reads."""

    def __init__(self, path: Path) -> None:
        """Open the file; raises FileNotFoundError, and QueueFormat when a newer version wrote it."""
        self.path = path
        self.number = int(path.name[:16])
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise
        self._codec = RecordCodec(self.header.key) if self.header else None
        self._window, self._window_start, self._window_bytes = b"", 0, _WINDOW

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._handle)

    @property
    def size(self) -> int:
        return os.fstat(self._handle).st_size

    @property
    def modified_at(self) -> float:
        """Seconds since the epoch."""
        return os.fstat(self._handle).st_mtime

    def fsync(self) -> None:
        os.fsync(self._handle)

    def walk(self, start: int, end: int, index: int = 0) -> Iterator[Stored | Gap]:
        """Yield the records and the gaps between two offsets, in order; `index` is the last one before `start`."""
        offset = start
        readable = min(end, self.size)
        while offset < end:
            found = self._at(offset, readable, index)
            if found is None:
                found = self._search(offset + 1, readable, index)
                if found is None:
                    yield Gap(offset, end, index, 0)
                    return
                yield Gap(offset, found.start, index, index_of(found.record.seq))
            offset, index = found.end, index_of(found.record.seq)
            yield found

    def raw(self, start: int, end: int) -> bytes:
        """Return the bytes of a stretch, zeros where the disk cannot read them."""
        return self._pread(start, end - start)

    def _at(self, offset: int, end: int, after_index: int) -> Stored | None:
        if self._codec is None or end - offset < HEAD_BYTES:
            return None
        self._load(offset, HEAD_BYTES, end)
        sizes = self._codec.sizes_at(self._window, offset - self._window_start)
        if sizes is None or offset + sum(sizes) > end:
            return None
        top, body = sizes
        stored = self._codec.decode(self._read(offset, top, end), self._read(offset + top, body, end), offset)
        if stored is None or segment_of(stored.record.seq) != self.number:
            return None
        return stored if index_of(stored.record.seq) > after_index else None

    def _search(self, offset: int, end: int, after_index: int) -> Stored | None:
        """Return the next valid record at or behind `offset`."""
        while self._codec is not None and end - offset >= HEAD_BYTES:
            self._load(offset, HEAD_BYTES, end)
            at = self._window.find(self._codec.marker, offset - self._window_start)
            if at < 0:  # a marker may lie across two windows
                offset = max(offset + 1, self._window_start + len(self._window) - len(self._codec.marker) + 1)
                continue
            offset = self._window_start + at
            if stored := self._at(offset, end, after_index):
                return stored
            offset += 1
        return None

    def _read(self, offset: int, size: int, end: int) -> bytes:
        """Return a stretch: a large one straight from the file, or what is small by way of the window."""
        self._window_bytes = _SMALL_WINDOW if size >= _LARGE else _WINDOW
        if size >= _LARGE:
            return self._pread(offset, size)
        self._load(offset, size, end)
        start = offset - self._window_start
        return self._window[start : start + size]

    def _load(self, offset: int, size: int, end: int) -> None:
        """Have `size` bytes from `offset` in the window, or what the file has of them."""
        start = self._window_start
        if start <= offset and offset + size <= start + len(self._window):
            return
        self._window = self._pread(offset, min(max(size, self._window_bytes), end - offset))
        self._window_start = offset

    def _pread(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._handle, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            end = offset + size
            bounds = [offset, *range(offset // _PAGE * _PAGE + _PAGE, end, _PAGE), end]
            return b"".join(self._pread_page(at, until - at) for at, until in itertools.pairwise(bounds))

    def _pread_page(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self._handle, size, offset)
        except OSError:
            return bytes(size)

    def _read_header(self) -> Header | None:
        pages = [self._pread(offset, _PAGE) for offset in _COPIES]
        versions = {int.from_bytes(page[8:10], "little") if page[:8] == _MAGIC else 0 for page in pages}
        version = min(versions)  # one copy that claims to be newer is damage
        if len(versions) == 1 and version > FORMAT_VERSION:
            raise QueueFormat(
                f"cannot read `{self.path}`: its format is {version}, this Spanbook knows {FORMAT_VERSION}\n"
                "hint: start the newer Spanbook again, let it drain the queue, then change versions"
            )
        headers = [header for page in pages if (header := _unpack(page)) and header.number == self.number]
        return headers[0] if headers else None
