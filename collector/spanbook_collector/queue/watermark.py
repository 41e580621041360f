"""How far the queue is durable, for readers in other processes.

A small shared mapping that the writing process updates after each fsync. It is itself never fsynced: after a power cut
it may be old or torn, both of which only hold readers back until the queue is opened again and writes it anew.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Self

import google_crc32c

from .places import PLACE_BYTES, Place

_CRC = struct.Struct("<I")
_SIZE = PLACE_BYTES + _CRC.size
_NAME = "watermark"
_TRIES = 1000


class Watermark:
    """The place up to which everything is on disk."""

    def __init__(self, directory: Path, *, writable: bool) -> None:
        """Map the file; a reader that comes before the queue was first opened gets FileNotFoundError."""
        flags = os.O_RDWR | os.O_CREAT if writable else os.O_RDONLY
        handle = os.open(directory / _NAME, flags | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_size != _SIZE:
                if not writable:
                    raise FileNotFoundError(f"cannot read the watermark in `{directory}`: it is being made")
                os.ftruncate(handle, 0)
                os.posix_fallocate(handle, 0, _SIZE)  # a hole in a mapping is a SIGBUS once the disk is full
            self._map = mmap.mmap(handle, _SIZE, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        finally:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, place: Place) -> None:
        """Tell readers that everything before the place is on disk."""
        packed = place.pack()
        self._map.seek(0)
        self._map.write(packed + _CRC.pack(google_crc32c.value(packed)))

    def place(self) -> Place | None:
        """Return the durable end, None when none was written since a power cut."""
        for _ in range(_TRIES):  # a reader may see half of an update
            content = bytes(self._map[:])
            packed = content[:PLACE_BYTES]
            if _CRC.unpack_from(content, PLACE_BYTES)[0] == google_crc32c.value(packed):
                place = Place.unpack(packed)
                return place if place.seq else None
        return None

    def close(self) -> None:
        self._map.close()
