"""Redact: what must not be stored is blanked before the queue, so neither disk nor any destination ever sees it.

A rule has `names`, `pattern` or both, which then both apply:

- `names` (globs, upper and lower case alike) blank the whole value of each attribute of such a name, wherever it stands
  (resource, scope, span, event, link, log record, metric, data point, exemplar) and at any depth of nested maps.
- `pattern` is replaced in *every text of the request*: attribute keys and values, log bodies, span, event and metric
  names, status messages, trace state, schema URLs, and bytes values that are UTF-8.

JSON inside a text is text: patterns reach into it, names do not. Numbers are kept. Since nobody knows what an unknown
field holds, a request loses those when rules are on.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanbook_collector.config import Redaction
from spanbook_schemas.signals import Signal

from .wire import BYTES, CONTEXT, ITEMS, RESOURCES, SCOPES, delimited, fields, spliced

_ITEM: dict[Signal, type[Message]] = {Signal.TRACES: Span, Signal.LOGS: LogRecord, Signal.METRICS: Metric}
_SCHEMA_URL = 3 << 3 | BYTES

_Part = Callable[[bytes], bytes]  # the payload of one field, as it may be kept


def redact(signal: Signal, body: bytes, rules: Sequence[Redaction]) -> bytes:
    """Return the request without what the rules name; the very object when there is nothing of it."""
    if not rules:
        return body
    secrets = _secrets(tuple(rules))

    def text(content: bytes) -> bytes:
        return secrets.text(content.decode()).encode()

    def message(kind: type[Message]) -> _Part:
        return lambda content: _redacted(kind, content, secrets)

    def scope(content: bytes) -> bytes:
        parts = {CONTEXT: message(InstrumentationScope), ITEMS: message(_ITEM[signal]), _SCHEMA_URL: text}
        return _envelope(content, parts)

    def resource(content: bytes) -> bytes:
        return _envelope(content, {CONTEXT: message(Resource), SCOPES: scope, _SCHEMA_URL: text})

    return _envelope(body, {RESOURCES: resource})


class _Secrets:
    """The rules, compiled."""

    def __init__(self, rules: tuple[Redaction, ...]) -> None:
        self._patterns = [
            (re.compile(rule.pattern), rule.replacement.replace("\\", r"\\")) for rule in rules if rule.pattern
        ]
        self._names = [
            (re.compile(translate(name), re.IGNORECASE), rule.replacement) for rule in rules for name in rule.names
        ]

    def text(self, text: str) -> str:
        for pattern, literal in self._patterns:
            text = pattern.sub(literal, text)
        return text

    def instead_of(self, name: str) -> str | None:
        """Return what stands for the value of an attribute that no one may see."""
        for pattern, replacement in self._names:
            if pattern.match(name):
                return replacement
        return None


_secrets = lru_cache(maxsize=8)(_Secrets)


def _envelope(body: bytes, parts: dict[int, _Part]) -> bytes:
    edits = []
    for tag, start, at, stop in fields(body, 0, len(body)):
        part = parts.get(tag)
        if part is None:
            edits.append((start, stop, b""))
            continue
        content = body[at:stop]
        kept = part(content)
        if kept != content:
            edits.append((start, stop, delimited(tag, kept)))
    return spliced(body, 0, len(body), edits) if edits else body


def _redacted(kind: type[Message], content: bytes, secrets: _Secrets) -> bytes:
    message = kind.FromString(content)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    changed = message.ByteSize() != size
    changed |= _redact_message(message, secrets)
    return message.SerializeToString() if changed else content


def _redact_message(message: Message, secrets: _Secrets) -> bool:
    """Redact in place; says whether anything was. As deep as the message, which a parse bounds."""
    changed = False
    if isinstance(message, KeyValue) and (instead := secrets.instead_of(message.key)) is not None:
        message.value.string_value = instead
        changed = True
    for field, value in message.ListFields():
        if field.message_type is not None:
            inner = value if field.is_repeated else (value,)
            changed |= sum(_redact_message(each, secrets) for each in inner) > 0
            if field.is_repeated and field.message_type.name == "KeyValue":
                _drop_doubled(value)
        elif field.type == FieldDescriptor.TYPE_STRING:
            changed |= _redact_text(message, field, value, secrets)
        elif isinstance(message, AnyValue) and field.type == FieldDescriptor.TYPE_BYTES:
            changed |= _redact_bytes(message, secrets)
    return changed


def _redact_text(message: Message, field: FieldDescriptor, value: Any, secrets: _Secrets) -> bool:
    kept = [secrets.text(each) for each in value] if field.is_repeated else secrets.text(value)
    if kept == value:
        return False
    if field.is_repeated:
        value[:] = kept
    else:
        setattr(message, field.name, kept)
    return True


def _redact_bytes(message: AnyValue, secrets: _Secrets) -> bool:
    try:
        text = message.bytes_value.decode()
    except UnicodeDecodeError:
        return False
    kept = secrets.text(text)
    message.bytes_value = kept.encode()
    return kept != text


def _drop_doubled(attributes: Any) -> None:
    """Two keys may have become the same one: the last counts, as in check."""
    last = {attribute.key: at for at, attribute in enumerate(attributes)}
    if len(last) < len(attributes):
        kept = [attribute for at, attribute in enumerate(attributes) if last[attribute.key] == at]
        copies = [KeyValue.FromString(attribute.SerializeToString()) for attribute in kept]
        del attributes[:]
        attributes.extend(copies)
