"""Flatten: nested values become JSON text, so that ClickHouse sees scalars and lists of scalars only.

Nothing is parsed to find out that there is nothing to do. On the wire an attribute's value is `12 <length> <AnyValue>`
and an AnyValue that is a list begins with 2A, a map with 32, bytes with 3A, so a search over the raw bytes finds every
such attribute, and now and then a piece of text that looks like one: only what holds a find is parsed. This rests on
check, which leaves nothing before the value in an AnyValue and no padded tags.

A map, or a list of anything but scalars, becomes its JSON text, and so does an empty list, which ClickHouse cannot tell
from an absent one; bytes become base64 text. Inside JSON, bytes and the numbers that JSON does not have (NaN, Infinity)
are the strings that OTLP/JSON has for them, and the last of doubled keys counts.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from math import isfinite, isnan
from typing import Any

import orjson
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanbook_schemas.signals import Signal

from .any_values import any_values
from .errors import Refused
from .wire import CONTEXT, ITEMS, RESOURCES, SCOPES, delimited, fields, spliced, varint

_ITEM: dict[Signal, type[Message]] = {Signal.TRACES: Span, Signal.LOGS: LogRecord, Signal.METRICS: Metric}

_NESTED = rb"[\x80-\xff]{0,4}[\x00-\x7f][\x2a\x32\x3a]"  # a length, and the first byte of a list, a map or bytes
_ATTRIBUTE = re.compile(rb"\x12" + _NESTED)
_ELEMENT = re.compile(rb"\x0a" + _NESTED)
_BODY = re.compile(rb"\x2a" + _NESTED)  # of a log record
_LIST = 0x2A

_Rewrite = Callable[[bytes, int, int], bytes | None]  # of body[at:end]; None: it stays


def flatten(signal: Signal, body: bytes) -> bytes:
    """Return the request with every nested value as its JSON text; the very object when there is none."""
    if not _may_nest(signal, body):
        return body

    def scope(body: bytes, at: int, end: int) -> bytes | None:
        return _rewritten(body, at, end, {CONTEXT: message(InstrumentationScope), ITEMS: message(_ITEM[signal])})

    def resource(body: bytes, at: int, end: int) -> bytes | None:
        return _rewritten(body, at, end, {CONTEXT: message(Resource), SCOPES: scope})

    def message(kind: type[Message]) -> _Rewrite:
        return lambda body, at, end: _flattened(signal, kind, body[at:end])

    return _rewritten(body, 0, len(body), {RESOURCES: resource}) or body


def as_json(value: AnyValue) -> Any:
    """Return what the value is in JSON, bytes as base64; its depth is bounded by what a parse lets through."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [as_json(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return {entry.key: as_json(entry.value) for entry in value.kvlist_value.values}
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if kind == "double_value" and not isfinite(value.double_value):
        return _not_in_json(value.double_value)
    return None if kind is None else getattr(value, kind)


def _not_in_json(number: float) -> str:
    return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _may_nest(signal: Signal, content: bytes) -> bool:
    return _finds(_ATTRIBUTE, content) or (signal is Signal.LOGS and _finds(_BODY, content))


def _finds(pattern: re.Pattern[bytes], content: bytes) -> bool:
    """Say whether one of the places that look like a nested value fits into what is around it."""
    at = 0
    while (found := pattern.search(content, at)) is not None:
        at = found.start() + 1  # a true one may begin within a false one
        size, begin = varint(content, at, found.end())
        held, inside = _length(content, begin + 1)
        if inside + held > begin + size or begin + size > len(content):
            continue
        if content[begin] != _LIST or not held or _ELEMENT.search(content, inside, inside + held):
            return True
    return False


def _length(content: bytes, at: int) -> tuple[int, int]:
    try:
        return varint(content, at, len(content))
    except Refused:
        return len(content), at


def _rewritten(body: bytes, at: int, end: int, rewrites: Mapping[int, _Rewrite]) -> bytes | None:
    edits = [
        (start, stop, delimited(tag, replacement))
        for tag, start, value, stop in fields(body, at, end)
        if tag in rewrites and (replacement := rewrites[tag](body, value, stop)) is not None
    ]
    return spliced(body, at, end, edits) if edits else None


def _flattened(signal: Signal, kind: type[Message], content: bytes) -> bytes | None:
    if not _may_nest(signal, content):
        return None
    message = kind.FromString(content)
    nested = [value for value in any_values(message) if _is_nested(value)]
    for value in nested:
        _flatten_value(value)
    return message.SerializeToString() if nested else None


def _is_nested(value: AnyValue) -> bool:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        elements = value.array_value.values
        return not elements or not all(_is_scalar(element) for element in elements)
    return kind in ("kvlist_value", "bytes_value")


def _is_scalar(value: AnyValue) -> bool:
    return value.WhichOneof("value") not in ("array_value", "kvlist_value", "bytes_value")


def _flatten_value(value: AnyValue) -> None:
    text = as_json(value)
    value.string_value = text if isinstance(text, str) else orjson.dumps(text).decode()
