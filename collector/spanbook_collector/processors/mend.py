"""Mend: one item (a span, a log record, a metric, or what surrounds them) made into what every reader reads alike.

The slow way of check, taken only for what the two parses would not vouch for. It walks the bytes rather than a parsed
message, since upb refuses a whole message for one bad character or 48 nested lists. What is in order is copied as it
is, so mending a good item gives the same bytes. Nesting is followed with a stack of our own, without recursion.

What it does:
- text that is not UTF-8 gets U+FFFD; values nested too deeply become a marker;
- a singular field given twice keeps the last (messages are merged, as protobuf says), a doubled attribute key likewise;
- groups, fields that only profiles may use, ids of a wrong length and enum values that do not exist are taken out;
- tags and lengths get their shortest form; an unknown field stays, behind the known ones if beside a value.
"""

from collections import Counter
from dataclasses import dataclass, field

from .errors import Refused
from .shapes import Field, Shape
from .wire import BYTES, GROUP, VARINT, delimited, encoded, fields, type_name, varint

CUT = "[cut: nested too deeply]"
_CUT_VALUE = delimited(1 << 3 | BYTES, CUT.encode())
_LIVE_FIELDS = 200_000  # fields held at once while one item is walked: what bounds the memory
_DEEPEST_MESSAGE = 90  # messages within one another: common decoders stop at 100, the envelopes included
_STRING, _VALUE = 1 << 3 | BYTES, 2 << 3 | BYTES  # a key or a text; the value of an attribute
_SIGN = 1 << 63


@dataclass(slots=True, frozen=True)
class Limits:
    """How much of what one request may hold; whatever is over is refused, but for depth and item_bytes."""

    items: int = 50_000  # spans, log records or data points
    attributes: int = 1_024  # in one list
    events: int = 1_024  # events, links or exemplars of one span or data point
    values: int = 1_000_000  # attributes, events, links, exemplars and nested values in the whole request
    fields: int = 5_000_000  # protobuf fields that had to be walked one by one
    depth: int = 32  # nested values; what is deeper is cut
    item_bytes: int = 16 * 1024 * 1024  # a longer span, log record or metric is rejected, its neighbors are kept


@dataclass(slots=True)
class Tally:
    """What was seen of one request so far."""

    items: int = 0
    values: int = 0
    fields: int = 0
    repairs: Counter[str] = field(default_factory=Counter)


class Rejected(ValueError):
    """This one item cannot be kept; the message says why, without content."""


def mend(shape: Shape, body: bytes, limits: Limits, tally: Tally) -> bytes:
    """Return the message as every reader reads it alike; raises Rejected for the item, Refused for the request."""
    repaired = tally.repairs.total()
    mended = _walk(shape, body, limits, tally)
    if mended != body and tally.repairs.total() == repaired:
        tally.repairs["encoding"] += 1
    return mended


def _walk(shape: Shape, body: bytes, limits: Limits, tally: Tally) -> bytes:
    live = 0
    stack = [_Frame(shape, 0)]
    live += stack[0].read(body, limits, tally)
    while True:
        frame = stack[-1]
        child = frame.next_child()
        if child is None:
            live -= frame.size
            stack.pop()
            payload = frame.written(tally)
            if not stack:
                return payload
            stack[-1].put(payload, frame.key)
            continue
        held, content = child
        depth = frame.depth + (held.name == "AnyValue")
        if held.name == "AnyValue" and (depth > limits.depth or len(stack) > _DEEPEST_MESSAGE):
            tally.repairs["too_deep"] += 1
            frame.put(_CUT_VALUE, b"")
            continue
        stack.append(_Frame(held, depth))
        live += stack[-1].read(content, limits, tally)
        if live > _LIVE_FIELDS:
            raise Refused(f"more than {_LIVE_FIELDS} fields in one item")


class _Slot:
    """A place in the message that is written: one field, or one entry of a repeated field."""

    __slots__ = ("field", "key", "pieces", "raw")

    def __init__(self, field: Field | None, raw: bytes = b"") -> None:
        self.field = field
        self.raw: bytes | None = raw  # as it will be written; None: taken out
        self.pieces: list[bytes] = []  # payloads of a message yet to be walked; several are merged
        self.key = b""


class _Frame:
    """One message under repair."""

    __slots__ = ("_pending", "_singular", "_slots", "_waiting", "depth", "key", "shape", "size")

    def __init__(self, shape: Shape, depth: int) -> None:
        self.shape = shape
        self.depth = depth
        self.size = 0
        self.key = b""
        self._slots: list[_Slot] = []
        self._singular: dict[int | str, _Slot] = {}  # by field number, or by oneof
        self._pending: list[_Slot] = []
        self._waiting: _Slot | None = None

    def read(self, body: bytes, limits: Limits, tally: Tally) -> int:
        """Take the message's own fields apart; returns how many there are."""
        counts: dict[int, int] = {}
        for tag, start, at, stop in fields(body, 0, len(body)):
            self.size += 1
            known = self.shape.fields.get(tag >> 3)
            if tag & 7 == GROUP:
                tally.repairs["group"] += 1
            elif known is None:
                self._slots.append(_Slot(None, body[start:stop]))
            elif known.absent:
                tally.repairs["profile_only"] += 1
            else:
                if known.repeated and known.shape is not None:
                    count = counts[known.number] = counts.get(known.number, 0) + 1
                    _spend(known, count, limits, tally)
                self._take(known, tag, body[at:stop], tally)
            if self.size > _LIVE_FIELDS:
                raise Refused(f"more than {_LIVE_FIELDS} fields in one message")
        tally.fields += self.size
        if tally.fields > limits.fields:
            raise Refused(f"more than {limits.fields} fields in one request")
        self._pending = [slot for slot in self._slots if slot.pieces]
        self._pending.reverse()
        return self.size

    def next_child(self) -> tuple[Shape, bytes] | None:
        """Return the next message inside that is to be walked, put() takes the result."""
        if not self._pending:
            return None
        slot = self._waiting = self._pending.pop()
        assert slot.field is not None
        assert slot.field.shape is not None
        return slot.field.shape, b"".join(slot.pieces)

    def put(self, payload: bytes, key: bytes) -> None:
        """Take the walked child back."""
        slot = self._waiting
        assert slot is not None
        assert slot.field is not None
        slot.key = key
        slot.raw = delimited(slot.field.number << 3 | BYTES, payload)

    def written(self, tally: Tally) -> bytes:
        """Write the message; raises Rejected when it lacks an id that it must have."""
        for number in self.shape.required:
            slot = self._singular.get(number)
            known = self.shape.fields[number]
            if slot is None or slot.raw is None or len(slot.raw) < known.id_size:
                raise Rejected(f"{known.name} must be {known.id_size} bytes and not all zero")
        if self.shape.keyed:
            self._drop_doubled_keys(tally)
        if self.shape.name in ("AnyValue", "KeyValue") and len(self._slots) > 1:
            self._slots.sort(key=lambda slot: slot.field is None)  # flatten finds a value by its first byte
        return b"".join([slot.raw for slot in self._slots if slot.raw is not None])

    def _take(self, known: Field, tag: int, content: bytes, tally: Tally) -> None:
        if tag & 7 != known.wire and not (known.repeated and known.shape is None and tag & 7 == BYTES):
            raise Refused(f"{self.shape.name}.{known.name} is {type_name[tag & 7]}, not {type_name[known.wire]}")
        slot = self._slot(known, tally)
        if known.keyed and (key := _plain_key(content)) is not None:
            slot.key, slot.raw = key, delimited(tag, content)
        elif known.shape is not None:
            slot.pieces.append(content)
        else:
            slot.raw = _scalar(known, tag, content, tally)
        if known.name == "key":
            self.key = _text(content)

    def _slot(self, known: Field, tally: Tally) -> _Slot:
        """Return where the field goes: a new place, or the one that it had before."""
        place = known.oneof or known.number
        earlier = None if known.repeated else self._singular.get(place)
        if earlier is None:
            slot = _Slot(known)
            self._slots.append(slot)
            if not known.repeated:
                self._singular[place] = slot
            return slot
        tally.repairs["field_twice"] += 1
        if earlier.field is not known:
            earlier.field, earlier.pieces = known, []
        return earlier

    def _drop_doubled_keys(self, tally: Tally) -> None:
        last: dict[tuple[int, bytes], _Slot] = {}
        for slot in self._slots:
            if slot.field is not None and slot.field.keyed:
                earlier = last.get((slot.field.number, slot.key))
                if earlier is not None:
                    earlier.raw = None
                    tally.repairs["key_twice"] += 1
                last[slot.field.number, slot.key] = slot


def _plain_key(attribute: bytes) -> bytes | None:
    """Return the key of an attribute that is a key and a text in perfect order, as most are; None when not sure."""
    try:
        at = 2 + attribute[1]
        size, inner = varint(attribute, at + 1, len(attribute))
        length, begin = varint(attribute, inner + 1, len(attribute))
        key, text = attribute[2:at], attribute[begin : begin + length]
        key.decode()
        text.decode()
    except (IndexError, ValueError):  # another shape, or not UTF-8
        return None
    value = delimited(_STRING, text)
    written = delimited(_STRING, key) + encoded(_VALUE) + encoded(size) + value
    return key if written == attribute and len(value) == size else None


def _spend(known: Field, count: int, limits: Limits, tally: Tally) -> None:
    if known.keyed and count > limits.attributes:
        raise Refused(f"more than {limits.attributes} attributes in one list")
    if known.name in ("events", "links", "exemplars") and count > limits.events:
        raise Refused(f"more than {limits.events} {known.name} in one item")
    if known.name == "data_points":
        tally.items += 1
        if tally.items > limits.items:
            raise Refused(f"more than {limits.items} data points in one request")
    tally.values += 1
    if tally.values > limits.values:
        raise Refused(f"more than {limits.values} attributes, events, links and nested values in one request")


def _scalar(known: Field, tag: int, content: bytes, tally: Tally) -> bytes | None:
    if known.text:
        text = _text(content)
        if text is not content:
            tally.repairs["utf8"] += 1
        return delimited(tag, text)
    if known.id_size:
        if not content or (len(content) == known.id_size and any(content)):
            return delimited(tag, content)
        tally.repairs["id"] += 1
        return None
    if tag & 7 == BYTES:
        if known.wire != BYTES:
            _read_packed(known, content)
        return delimited(tag, content)
    if tag & 7 == VARINT:
        value, _ = varint(content, 0, len(content))
        if known.enum is not None and _signed(value) not in known.enum:
            tally.repairs["enum"] += 1
            return None
        return encoded(tag) + encoded(value)
    return encoded(tag) + content


def _read_packed(known: Field, content: bytes) -> None:
    at = 0
    if known.wire == VARINT:
        while at < len(content):
            _, at = varint(content, at, len(content))
    elif len(content) % 8:
        raise Refused(f"{known.name} is packed in {len(content)} bytes, that is no whole number of values")


def _signed(value: int) -> int:
    return value - 2 * _SIGN if value & _SIGN else value


def _text(content: bytes) -> bytes:
    """Return the very bytes when they are UTF-8, else the same text with U+FFFD where they are not."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return content.decode(errors="replace").encode()
    return content
