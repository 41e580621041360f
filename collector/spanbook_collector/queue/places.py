"""Sequence numbers, and places between records.

A sequence number is `segment number << 21 | index`, the index counted from 1. A segment's number is durable (its file
is there, fsynced with its folder) before its first record is, every start of the queue opens a new segment, and the
segment with the highest number is never deleted; so no number is ever given twice, whatever happened to the end of a
file. The number of a queue's first segment is random, so that the sequence numbers of different queues do not meet in
one ClickHouse.
"""

import secrets
import struct
from typing import NamedTuple

INDEX_BITS = 21  # a segment of 64 MB has room for 1.2 million of the smallest records
MAX_INDEX = (1 << INDEX_BITS) - 1
_PLACE = struct.Struct("<QQQQ")


class Place(NamedTuple):
    """A place between two records: behind record `seq`, or at the start of its segment when the index is 0."""

    seq: int
    offset: int  # in the segment's file
    records: int  # in the queue since it was made, before this place
    size: int  # the bytes of these records, with their heads

    @property
    def segment(self) -> int:
        return segment_of(self.seq)

    def behind(self, seq: int, offset: int) -> "Place":
        """Return the place behind a record of the same segment as this place."""
        records = self.records + index_of(seq) - index_of(self.seq)
        return Place(seq, offset, records, self.size + offset - self.offset)

    def pack(self) -> bytes:
        return _PLACE.pack(*self)

    @classmethod
    def unpack(cls, packed: bytes) -> "Place":
        return cls(*_PLACE.unpack(packed))


PLACE_BYTES = _PLACE.size
ORIGIN = Place(0, 0, 0, 0)


def segment_of(seq: int) -> int:
    """Return the number of the segment that holds a record."""
    return seq >> INDEX_BITS


def index_of(seq: int) -> int:
    """Return a record's index in its segment, from 1."""
    return seq & MAX_INDEX


def first_segment() -> int:
    """Return the number of a new queue's first segment: 41 random bits, which leaves sequence numbers below 2**62."""
    return 1 + secrets.randbelow(1 << 41)
