"""How a request lies in a segment.

    marker 8 | meta length 4 | body length 4 | seq 8 | received_at 8 (ns) | crc 4 | meta | body
    meta: digest 16 | signal 1 | tenant length 2 | tenant

All numbers are little-endian. What follows the tenant is not looked at: older versions kept the client's answer there.
The marker is random bytes of the segment and the CRC32C (over everything but itself) starts from a second random value
of the segment. Both are secrets of the file, so no client can write a body that reads as a record when a damaged file
is searched for the next whole one.
"""

import struct
from dataclasses import dataclass

import google_crc32c

from spanbook_schemas.signals import Signal

_HEAD = struct.Struct("<8sIIQQ")
_CRC = struct.Struct("<I")
_META = struct.Struct("<16sBH")
_SIGNALS = (Signal.TRACES, Signal.LOGS, Signal.METRICS)  # the position is what is stored: only ever append
_CODES = {signal: code for code, signal in enumerate(_SIGNALS)}

HEAD_BYTES = _HEAD.size + _CRC.size
KEY_BYTES = 16
MAX_META = 1 << 20
MAX_BODY = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Record:
    """A request as a reader gets it."""

    seq: int
    tenant: str
    signal: Signal
    received_at: int  # nanoseconds since the epoch
    body: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """The records of a range that can be read; `whole` when those are all that it ever had."""

    records: list[Record]
    whole: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A request on its way into the queue, with what tells its repetition."""

    tenant: str
    signal: Signal
    body: bytes
    received_at: int
    digest: bytes

    def __post_init__(self) -> None:
        """Refuse what has no place in a record; raises ValueError."""
        tenant_size = len(self.tenant.encode())
        if tenant_size >= 1 << 16 or _META.size + tenant_size > MAX_META:
            raise ValueError(f"cannot store a request with a tenant of {tenant_size} bytes")
        if len(self.body) > MAX_BODY or not 0 <= self.received_at < 1 << 64:
            raise ValueError(f"cannot store {len(self.body)} bytes received at {self.received_at} ns")

    @property
    def size(self) -> int:
        """Bytes in the segment."""
        return HEAD_BYTES + _META.size + len(self.tenant.encode()) + len(self.body)


@dataclass(frozen=True, slots=True)
class Stored:
    """A verified record in a segment, and the offsets before and behind it."""

    record: Record
    digest: bytes
    start: int
    end: int


class RecordCodec:
    """Encodes and verifies the records of one segment, with its key."""

    def __init__(self, key: bytes) -> None:
        self.marker = key[:8]
        self._seed = google_crc32c.value(key[8:])

    def encode(self, seq: int, entry: Entry) -> bytes:
        """Return what stands before the entry's body."""
        tenant = entry.tenant.encode()
        meta = _META.pack(entry.digest, _CODES[entry.signal], len(tenant)) + tenant
        head = _HEAD.pack(self.marker, len(meta), len(entry.body), seq, entry.received_at)
        return head + _CRC.pack(self._checksum(head, meta, entry.body)) + meta

    def sizes_at(self, buffer: bytes, offset: int) -> tuple[int, int] | None:
        """Return the sizes of head with meta and of the body at `offset`, None where no record starts."""
        if len(buffer) - offset < HEAD_BYTES:
            return None
        marker, meta_size, body_size, _, _ = _HEAD.unpack_from(buffer, offset)
        if marker != self.marker or not _META.size <= meta_size <= MAX_META:
            return None
        return HEAD_BYTES + meta_size, body_size

    def decode(self, top: bytes, body: bytes, start: int) -> Stored | None:
        """Return the record of a head with meta and a body, None when its checksum is wrong."""
        _, _, _, seq, received_at = _HEAD.unpack_from(top)
        meta = top[HEAD_BYTES:]
        if self._checksum(top[: _HEAD.size], meta, body) != _CRC.unpack_from(top, _HEAD.size)[0]:
            return None
        digest, code, tenant_size = _META.unpack_from(meta)
        tenant = meta[_META.size : _META.size + tenant_size].decode()
        record = Record(seq, tenant, _SIGNALS[code], received_at, body)
        return Stored(record, digest, start, start + len(top) + len(body))

    def _checksum(self, head: bytes, meta: bytes, body: bytes) -> int:
        return int(google_crc32c.extend(google_crc32c.extend(self._seed, head + meta), body))
