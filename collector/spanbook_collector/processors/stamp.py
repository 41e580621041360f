"""Stamp: says to ClickHouse whose rows these are, when they came and with which batch.

The stamp is appended to every ResourceSpans, ResourceLogs and ResourceMetrics: only the length of that envelope
changes, no span is looked at. What a client sent under the stamp's field numbers is dropped, for a client's bytes
never decide the tenant (and ClickHouse reads a doubled field as empty).
"""

from struct import pack

from spanbook_schemas.signals import Signal
from spanbook_schemas.stamps import BATCH_FIELD, RECEIVED_AT_FIELD, TENANT_FIELD

from .wire import BYTES, FIXED64, RESOURCES, VARINT, delimited, encoded, fields, spliced

_STAMP_FIELDS = frozenset((TENANT_FIELD, RECEIVED_AT_FIELD, BATCH_FIELD))


def stamp(signal: Signal, body: bytes, tenant: str, received_at: int, batch: int) -> bytes:
    """Return the request with tenant, received_at (ns since the epoch) and batch in each of its resource envelopes."""
    mark = _mark(tenant, received_at, batch)
    edits = [
        (start, stop, delimited(RESOURCES, _unstamped(body, at, stop) + mark))
        for tag, start, at, stop in fields(body, 0, len(body))
        if tag == RESOURCES
    ]
    return spliced(body, 0, len(body), edits)


def _mark(tenant: str, received_at: int, batch: int) -> bytes:
    return b"".join(
        (
            delimited(TENANT_FIELD << 3 | BYTES, tenant.encode()),
            encoded(RECEIVED_AT_FIELD << 3 | FIXED64) + pack("<Q", received_at),
            encoded(BATCH_FIELD << 3 | VARINT) + encoded(batch),
        )
    )


def _unstamped(body: bytes, at: int, end: int) -> bytes:
    forged = [(start, stop, b"") for tag, start, _, stop in fields(body, at, end) if tag >> 3 in _STAMP_FIELDS]
    return spliced(body, at, end, forged)
