"""Clean: whether a run of items needs no mending, asked of upb in two parses (see `strict`) instead of a walk.

This is the way nearly all data takes. It may call clean only what mending would leave as it is; where it is not sure
it says no, and the items are walked. (Attributes without key or value grow when written again, so who sets them off
against doubled ones on purpose can keep a doubled key of his own. Groups and unknown fields cannot hide.)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from spanbook_schemas.signals import Signal

from .mend import Limits
from .strict import (
    COLUMNS_ATTRIBUTE,
    COLUMNS_RESOURCE,
    COLUMNS_SCOPE,
    COLUMNS_VALUE,
    STRICT_RESOURCE,
    STRICT_SCOPE,
)

# (data points, at most so many values) in clean bytes; None when not sure
Judge = Callable[[bytes, Limits], tuple[int, int] | None]

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)
_KINDS, _STATUSES, _SEVERITIES = frozenset(range(6)), frozenset(range(3)), frozenset(range(25))
_TEMPORALITIES = frozenset(range(3))
_SURE_DEPTH = 16  # deeper values are walked: what counts is how deep they are in the whole request


@dataclass(slots=True, frozen=True)
class Clean:
    """The judges of one signal."""

    resource: Judge  # of a ResourceX without its scopes
    scope: Judge  # of a ScopeX: of items, or of what stands beside them


@cache
def clean_of(signal: Signal) -> Clean:
    """Return the judges for a signal's envelopes."""
    return Clean(
        _judge(STRICT_RESOURCE[signal], COLUMNS_RESOURCE[signal], _resource),
        _judge(STRICT_SCOPE[signal], COLUMNS_SCOPE[signal], _SCOPES[signal]),
    )


class _Unsure(Exception):
    """Something may have to be mended."""


def _judge(
    strict: type[Message], columns: type[Message], rules: Callable[[Any, Any, Limits], tuple[int, int]]
) -> Judge:
    def judge(content: bytes, limits: Limits) -> tuple[int, int] | None:
        try:
            message = strict.FromString(content)
            if message.ByteSize() != len(content):
                return None
            merged = columns.FromString(content)
            points, values = rules(message, merged, limits)
            return points, values + _nested(merged)
        except (DecodeError, _Unsure):
            return None

    return judge


def _resource(message: Any, _: Any, limits: Limits) -> tuple[int, int]:
    return 0, _attributes(message.resource, limits)


def _spans(message: Any, columns: Any, limits: Limits) -> tuple[int, int]:
    spans = columns.spans
    count = len(message.spans)
    if len(spans.trace_id) != count or len(spans.span_id) != count:
        raise _Unsure
    _ids(spans.trace_id, {16}, _NO_TRACE)
    _ids(spans.span_id, {8}, _NO_SPAN)
    _ids(spans.parent_span_id, {0, 8}, _NO_SPAN)
    if not (_KINDS.issuperset(spans.kind) and _STATUSES.issuperset(spans.status.code)):
        raise _Unsure
    values = _attributes(message.scope, limits)
    if len(spans.attributes.key) > limits.attributes:
        values += sum([_attributes(span, limits) for span in message.spans])
    else:
        values += len(spans.attributes.key)
    if spans.HasField("events"):
        values += sum([_each(span.events, limits) for span in message.spans])
    if spans.HasField("links"):
        values += sum([_each(span.links, limits) for span in message.spans])
        _ids(spans.links.trace_id, {0, 16}, _NO_TRACE)
        _ids(spans.links.span_id, {0, 8}, _NO_SPAN)
    return 0, values


def _logs(message: Any, columns: Any, limits: Limits) -> tuple[int, int]:
    records = columns.log_records
    _ids(records.trace_id, {0, 16}, _NO_TRACE)
    _ids(records.span_id, {0, 8}, _NO_SPAN)
    if not _SEVERITIES.issuperset(records.severity_number):
        raise _Unsure
    values = _attributes(message.scope, limits) + sum([_attributes(record, limits) for record in message.log_records])
    return 0, values


def _metrics(message: Any, _: Any, limits: Limits) -> tuple[int, int]:
    points, values = 0, _attributes(message.scope, limits)
    for metric in message.metrics:
        if len(metric.metadata) > limits.attributes:
            raise _Unsure
        values += len(metric.metadata)
        kind = metric.WhichOneof("data")
        if kind is None:
            continue
        data = getattr(metric, kind)
        if kind not in ("gauge", "summary") and data.aggregation_temporality not in _TEMPORALITIES:
            raise _Unsure
        points += len(data.data_points)
        for point in data.data_points:
            values += 1 + _attributes(point, limits)
            if kind != "summary" and point.exemplars:
                values += _exemplars(point.exemplars, limits)
    return points, values


_SCOPES = {Signal.TRACES: _spans, Signal.LOGS: _logs, Signal.METRICS: _metrics}


def _exemplars(exemplars: Any, limits: Limits) -> int:
    if len(exemplars) > limits.events:
        raise _Unsure
    values = 0
    for exemplar in exemplars:
        _ids((exemplar.trace_id,), {0, 16}, _NO_TRACE)
        _ids((exemplar.span_id,), {0, 8}, _NO_SPAN)
        if len(exemplar.filtered_attributes) > limits.attributes:
            raise _Unsure
        values += 1 + len(exemplar.filtered_attributes)
    return values


def _each(holders: Any, limits: Limits) -> int:
    if len(holders) > limits.events:
        raise _Unsure
    return sum([1 + _attributes(holder, limits) for holder in holders])


def _attributes(holder: Any, limits: Limits) -> int:
    count = len(holder.attributes)
    if count > limits.attributes:
        raise _Unsure
    return count


def _ids(ids: Iterable[bytes], sizes: set[int], none: bytes) -> None:
    if not sizes.issuperset(map(len, ids)) or none in ids:
        raise _Unsure


def _nested(columns: Message) -> int:
    """Count what is in lists and maps, level by level; unsure when they are deep or a field anywhere is unknown."""
    values = 0
    messages = [columns]
    for _ in range(_SURE_DEPTH):
        elements, entries = _inside(messages)
        if not elements and not entries:
            return values
        values += len(elements) + len(entries)
        messages = [COLUMNS_VALUE.FromString(b"".join(elements)), COLUMNS_ATTRIBUTE.FromString(b"".join(entries))]
    raise _Unsure


def _inside(messages: list[Message]) -> tuple[list[bytes], list[bytes]]:
    elements: list[bytes] = []
    entries: list[bytes] = []
    while messages:
        message = messages.pop()
        if len(UnknownFieldSet(message)):
            raise _Unsure
        for field, value in message.ListFields():
            if field.message_type is not None:
                messages.append(value)
            elif field.name == "values":
                (elements if message.DESCRIPTOR.name == "ArrayValue" else entries).extend(value)
    return elements, entries
