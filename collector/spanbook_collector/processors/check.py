"""Check: what a stranger sent becomes what every reader can read, in bounded memory and however hostile it is.

Envelopes are walked by hand and items are parsed by upb in small runs: a run that parses strictly, is as long when
written again and keeps the rules is left alone, which is nearly all data there is. Only the items of other runs are
mended one by one. A bad item costs itself, never its neighbors. Timestamps are kept as they came; ClickHouse's views
clamp them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from spanbook_schemas.signals import Signal

from .clean import Judge, clean_of
from .errors import Refused
from .mend import Limits, Rejected, Tally, mend
from .shapes import Shape, item_shape, resource_shape, scope_shape
from .wire import GROUP, ITEMS, RESOURCES, SCOPES, delimited, fields, spliced, type_name

__all__ = ["Checked", "Limits", "Refused", "check"]

_RUN = 64 * 1024  # bytes of items parsed at once: small enough for the processor's cache
_LARGEST_PARSED = 256 * 1024  # a longer item is walked, whose memory does not depend on what is in it

_NOUNS = {Signal.TRACES: "spans", Signal.LOGS: "log records", Signal.METRICS: "data points"}
_REPAIRS = {
    "encoding": "written in an unusual encoding",
    "enum": "enum values that do not exist taken as unspecified",
    "field_twice": "fields given twice, the last one kept",
    "group": "protobuf groups taken out",
    "id": "ids of a wrong length or all zero taken as absent",
    "key_twice": "attribute keys given twice, the last one kept",
    "profile_only": "fields defined for profiles only taken as absent",
    "too_deep": "values nested too deeply cut",
    "utf8": "texts that are not UTF-8 repaired with U+FFFD",
}

_Edits = list[tuple[int, int, bytes]]


@dataclass(slots=True, frozen=True)
class Checked:
    """A request that may be kept."""

    body: bytes  # the very object that came when nothing had to change
    items: int  # spans, log records or data points in it
    rejected: int  # how many of those that came are not in it
    reason: str  # what was rejected or repaired, in English, for the client; '' when nothing was
    repairs: Mapping[str, int]


def check(signal: Signal, body: bytes, limits: Limits = Limits()) -> Checked:  # noqa: B008 - frozen
    """Return the request as it may be kept; raises Refused for what is no OTLP or breaks a structural limit."""
    walk = _Check(signal, limits)
    checked = walk.request(body)
    rejected = walk.rejected.total()
    return Checked(checked, walk.tally.items - rejected, rejected, walk.reason(), dict(walk.tally.repairs))


class _Check:
    """One request on its way: what is the same at every level of it."""

    def __init__(self, signal: Signal, limits: Limits) -> None:
        self.signal = signal
        self.limits = limits
        self.tally = Tally()
        self.rejected: Counter[str] = Counter()
        self._clean = clean_of(signal)
        self._envelopes = 0

    def request(self, body: bytes) -> bytes:
        edits: _Edits = []
        for tag, start, at, stop in fields(body, 0, len(body)):
            self._count_envelope()
            if tag == RESOURCES:
                self._replace(edits, start, stop, RESOURCES, self._resource(body, at, stop))
            elif tag & 7 == GROUP:
                self.tally.repairs["group"] += 1
                edits.append((start, stop, b""))
            elif tag >> 3 == RESOURCES >> 3:
                raise Refused(f"{resource_shape(self.signal).name} is {type_name[tag & 7]} on the wire")
        return spliced(body, 0, len(body), edits) if edits else body

    def _resource(self, body: bytes, at: int, end: int) -> bytes | None:
        edits: _Edits = []
        rest: list[tuple[int, int]] = []
        for tag, start, value, stop in fields(body, at, end):
            self._count_envelope()
            if tag == SCOPES:
                self._replace(edits, start, stop, SCOPES, self._scope(body, value, stop))
            else:
                rest.append((start, stop))
        self._surroundings(resource_shape(self.signal), self._clean.resource, body, rest, edits)
        return spliced(body, at, end, edits) if edits else None

    def _scope(self, body: bytes, at: int, end: int) -> bytes | None:
        edits: _Edits = []
        rest: list[tuple[int, int]] = []
        begin = last = at
        longest = min(_LARGEST_PARSED, self.limits.item_bytes)
        counted = self.signal is not Signal.METRICS  # whose data points are counted, further in
        for tag, start, value, stop in fields(body, at, end):
            if tag == ITEMS and stop - value <= longest:
                self.tally.items += counted
                last = stop
                if last - begin >= _RUN:
                    self._run(body, begin, last, edits)
                    begin = last
                continue
            self._run(body, begin, start, edits)
            begin = last = stop
            if tag == ITEMS:
                self.tally.items += counted
                self._item(body, start, value, stop, edits)
            else:
                self._count_envelope()
                rest.append((start, stop))
        self._run(body, begin, last, edits)
        self._surroundings(scope_shape(self.signal), self._clean.scope, body, rest, edits)
        return spliced(body, at, end, edits) if edits else None

    def _run(self, body: bytes, begin: int, end: int, edits: _Edits) -> None:
        """Look at a run of items: as one when it is clean, else at each of them."""
        if self.tally.items > self.limits.items:
            raise Refused(f"more than {self.limits.items} {_NOUNS[self.signal]} in one request")
        if begin == end or self._is_clean(self._clean.scope, body[begin:end]):
            return
        for _, start, value, stop in fields(body, begin, end):
            self._item(body, start, value, stop, edits)

    def _item(self, body: bytes, start: int, at: int, stop: int, edits: _Edits) -> None:
        item = body[at:stop]
        try:
            if len(item) > self.limits.item_bytes:
                raise Rejected(f"longer than {self.limits.item_bytes} bytes")
            mended = mend(item_shape(self.signal), item, self.limits, self.tally)
        except Rejected as rejected:
            self.rejected[str(rejected)] += self._weight(item)
            edits.append((start, stop, b""))
            return
        if mended != item:
            edits.append((start, stop, delimited(ITEMS, mended)))

    def _surroundings(
        self, shape: Shape, clean: Judge, body: bytes, rest: list[tuple[int, int]], edits: _Edits
    ) -> None:
        """Look at what an envelope holds beside its children: resource or scope, schema URL, unknown fields."""
        if not rest:
            return
        content = b"".join([body[start:stop] for start, stop in rest])
        if len(content) <= _LARGEST_PARSED and self._is_clean(clean, content):
            return
        mended = mend(shape, content, self.limits, self.tally)
        if mended != content:
            edits.extend((start, stop, b"") for start, stop in rest[1:])
            edits.append((*rest[0], mended))
            edits.sort(key=lambda edit: edit[0])

    def _is_clean(self, clean: Judge, content: bytes) -> bool:
        """Say whether nothing in these bytes has to change; adds what is in them to the tally if so."""
        counted = clean(content, self.limits)
        if counted is None:
            return False
        points, values = counted
        if self.tally.items + points > self.limits.items or self.tally.values + values > self.limits.values:
            return False  # counted roughly: the walk counts exactly, and says what is too much
        self.tally.items += points
        self.tally.values += values
        return True

    def _weight(self, item: bytes) -> int:
        """How many items are lost with this one: a metric's data points, else itself."""
        if self.signal is not Signal.METRICS:
            return 1
        points = 0
        for tag, _, at, stop in fields(item, 0, len(item)):
            known = item_shape(self.signal).fields.get(tag >> 3)
            if known is not None and known.oneof == "data":
                points += sum(point >> 3 == 1 for point, _, _, _ in fields(item, at, stop))
        self.tally.items += points
        return points

    def _replace(self, edits: _Edits, start: int, stop: int, tag: int, payload: bytes | None) -> None:
        if payload is not None:
            edits.append((start, stop, delimited(tag, payload)))

    def _count_envelope(self) -> None:
        self._envelopes += 1
        if self._envelopes > 4 * self.limits.items:
            raise Refused(f"more than {4 * self.limits.items} resources, scopes and their fields in one request")

    def reason(self) -> str:
        said = [f"{count} {_NOUNS[self.signal]} rejected: {why}" for why, count in self.rejected.items()]
        said += [f"{count} {_REPAIRS[name]}" for name, count in self.tally.repairs.items()]
        return "; ".join(said)
