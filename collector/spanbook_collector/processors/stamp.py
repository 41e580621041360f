"""Stamp: says to ClickHouse whose rows these are, when they came and with which batch.

The stamp is appended to every ResourceSpans, ResourceLogs and ResourceMetrics: only the length of that envelope
changes, no span is looked at. What a client sent under the stamp's field numbers is dropped, for a client's bytes
never decide the tenant (and ClickHouse reads a doubled field as empty).
"""

from struct import pack

from spanbook_schemas.signals import Signal
from spanbook_schemas.stamps import BATCH_FIELD, RECEIVED_AT_FIELD, TENANT_FIELD

from .wire import BYTES, FIXED64, RESOURCES, VARINT, delimited, encoded, fields

_STAMP_FIELDS = frozenset((TENANT_FIELD, RECEIVED_AT_FIELD, BATCH_FIELD))
_RESOURCES = encoded(RESOURCES)


def stamp(signal: Signal, body: bytes, tenant: str, received_at: int, batch: int) -> bytes:
    """Return the request with tenant, received_at (ns since the epoch) and batch in each of its resource envelopes."""
    mark = _mark(tenant, received_at, batch)
    whole, done = memoryview(body), 0
    parts: list[bytes | memoryview] = []  # joined once: a request may be megabytes
    for tag, start, at, stop in fields(body, 0, len(body)):
        if tag == RESOURCES:
            kept = _unstamped(whole, body, at, stop)
            size = encoded(sum(map(len, kept)) + len(mark))
            parts += (whole[done:start], _RESOURCES, size, *kept, mark)
            done = stop
    return b"".join((*parts, whole[done:]))


def _mark(tenant: str, received_at: int, batch: int) -> bytes:
    return b"".join(
        (
            delimited(TENANT_FIELD << 3 | BYTES, tenant.encode()),
            encoded(RECEIVED_AT_FIELD << 3 | FIXED64) + pack("<Q", received_at),
            encoded(BATCH_FIELD << 3 | VARINT) + encoded(batch),
        )
    )


def _unstamped(whole: memoryview, body: bytes, at: int, end: int) -> list[memoryview]:
    kept = []
    for tag, start, _, stop in fields(body, at, end):
        if tag >> 3 in _STAMP_FIELDS:
            kept.append(whole[at:start])
            at = stop
    return [*kept, whole[at:end]]
