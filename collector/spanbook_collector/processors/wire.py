"""Protobuf's wire format, as far as the stages walk it themselves.

Envelopes are walked by hand because a parse makes an object of everything: 63 KB of gzip can hold 33 million
empty spans. A walk reads a tag and a length and skips the rest. Encoding: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator, Sequence

from .errors import Refused

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)

# The three signals share one layout: request.1 = ResourceX, ResourceX.2 = ScopeX, ScopeX.2 = item; field 1 of the
# latter two is the resource or the scope.
RESOURCES = CONTEXT = 1 << 3 | BYTES
SCOPES = ITEMS = 2 << 3 | BYTES

_LONGEST_TAG = 5
_LONGEST_VARINT = 10
_DEEPEST_GROUP = 100

type_name = ("varint", "fixed64", "length-delimited", "group", "end of group", "fixed32", "6", "7")


def fields(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (tag, start, start of the value, end) of each field in body[at:end]; a group is one field.

    Raises Refused where no decoder could go on.
    """
    while at < end:
        start = at
        tag = body[at]
        at += 1
        if tag >= 0x80:
            tag, at = varint(body, start, end, _LONGEST_TAG)
        wire = tag & 7
        if wire == BYTES:
            size = body[at] if at < end else 0x80
            if size < 0x80:
                at += 1
            else:
                size, at = varint(body, at, end, _LONGEST_TAG)
            stop = at + size
        elif wire == VARINT:
            stop = varint(body, at, end)[1]
        elif wire == FIXED64:
            stop = at + 8
        elif wire == FIXED32:
            stop = at + 4
        elif wire == GROUP:
            stop = _group_end(body, at, end, tag)
        else:
            raise Refused(f"not protobuf: wire type {wire} at byte {start}")
        if stop > end:
            raise Refused(f"not protobuf: the field at byte {start} is longer than what holds it")
        if not 8 <= tag <= 0xFFFFFFFF:
            raise Refused(f"not protobuf: field number {tag >> 3} at byte {start}")
        yield tag, start, at, stop
        at = stop


def varint(body: bytes, at: int, end: int, longest: int = _LONGEST_VARINT) -> tuple[int, int]:
    """Read (value, where it ends); raises Refused when it is cut off or longer than `longest` bytes."""
    value = shift = 0
    start = at
    longest *= 7
    while at < end and shift < longest:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
        shift += 7
    raise Refused(f"not protobuf: a varint at byte {start} does not end")


def encoded(value: int) -> bytes:
    """Write a varint in its shortest form."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(tag: int, payload: bytes) -> bytes:
    """Write a length-delimited field: tag, length, payload."""
    return b"".join((encoded(tag), encoded(len(payload)), payload))


def spliced(body: bytes, at: int, end: int, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Return body[at:end] with each (start, stop, replacement) put in; edits are in order and do not overlap."""
    parts = []
    for start, stop, replacement in edits:
        parts.append(body[at:start])
        parts.append(replacement)
        at = stop
    parts.append(body[at:end])
    return b"".join(parts)


def _group_end(body: bytes, at: int, end: int, tag: int) -> int:
    """Skip a group, nested ones included, without recursion."""
    opened = [tag]
    while opened:
        if at >= end or len(opened) > _DEEPEST_GROUP:
            raise Refused(f"not protobuf: a group that does not end by byte {at}")
        tag, at = varint(body, at, end, _LONGEST_TAG)
        wire = tag & 7
        if wire == GROUP:
            opened.append(tag)
        elif wire == GROUP_END:
            if opened.pop() != tag - 1:
                raise Refused(f"not protobuf: groups cross at byte {at}")
        elif wire == BYTES:
            size, at = varint(body, at, end, _LONGEST_TAG)
            at += size
        elif wire == VARINT:
            at = varint(body, at, end)[1]
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise Refused(f"not protobuf: wire type {wire} at byte {at}")
    return at
