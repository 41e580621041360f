"""OTLP/JSON to protobuf: our own walk over what orjson reads.

protobuf's json_format would turn hex ids into base64 garbage, refuse unknown names and cost six times as much. The walk
is built once from opentelemetry-proto's descriptors: per message, a table from JSON name to the function that writes
the field. A bad id is left to check, which rejects that item alone; what has the wrong kind is refused.

Rules: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and
https://protobuf.dev/programming-guides/json/
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from struct import pack
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from spanbook_collector.processors.errors import Refused
from spanbook_collector.processors.shapes import ID_SIZES
from spanbook_collector.processors.strict import PROFILE_FIELDS
from spanbook_collector.processors.wire import BYTES, FIXED32, FIXED64, VARINT, encoded
from spanbook_schemas.signals import Signal

_MOST_TOKENS = 2_000_000  # objects, lists and what stands in them: bounds what orjson makes of a body
_DEEPEST_VALUE = 34  # nested values; check cuts before, and counts
_BAD_ID = b"\0"  # of no valid length, so that check rejects its item and no other

_Write = Callable[[Any, int], bytes]  # of a JSON value, at a depth of nested values
_F = FieldDescriptor


def from_json(signal: Signal, body: bytes) -> bytes:
    """Return the request as protobuf; raises Refused with the place and the kind of what is wrong, never content."""
    if not body.strip():
        return b""
    request = _parsed(body)
    try:
        return _write_request[signal](request, 0)
    except _Wrong as wrong:
        raise Refused(f"not OTLP/JSON: {wrong.where()} is {wrong.found}, it must be {wrong.wanted}") from None


class _Wrong(ValueError):
    """A value of the wrong kind; its path grows as the error goes up."""

    def __init__(self, value: Any, wanted: str) -> None:
        self.found = _KINDS.get(type(value), "out of range")
        self.wanted = wanted
        self.path: list[str | int] = []

    def where(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in reversed(self.path))
        return "$" + "".join(steps)


_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def _parsed(body: bytes) -> Any:
    if _tokens(body) > _MOST_TOKENS and _tokens(_STRING.sub(b"", body)) > _MOST_TOKENS:
        raise Refused(f"more than {_MOST_TOKENS} values in one JSON body")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:  # JavaScript cuts strings between the halves of a surrogate pair; the rest of the text is good
        return orjson.loads(_ESCAPE.sub(_mended_escape, body.decode(errors="replace")))
    except orjson.JSONDecodeError as error:
        raise Refused(f"not JSON: malformed at line {error.lineno} column {error.colno}") from None


def _tokens(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[") + body.count(b",")


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..(?:\\u[dD][c-fC-F]..)?|u[dD][c-fC-F]..|.)", re.DOTALL)
_HALF = len(r"\ud83d")


def _mended_escape(escape: re.Match[str]) -> str:
    text = escape.group()
    return r"\ufffd" if len(text) == _HALF and text[2] in "dD" else text


def _delimited(tag: bytes, payload: bytes) -> bytes:
    return tag + _size[len(payload)] + payload


def _message_writer(descriptor: Descriptor) -> _Write:
    """Return what writes the payload of a message; messages may hold themselves, so its table is filled afterwards."""
    if descriptor.full_name in _writers:
        return _writers[descriptor.full_name]
    table: dict[str, _Write] = {}
    nests = descriptor.name == "AnyValue"

    def write(value: Any, depth: int) -> bytes:
        if type(value) is not dict:
            raise _Wrong(value, "an object")
        if nests:
            depth += 1
            if depth > _DEEPEST_VALUE:
                return b""
        parts = []
        for name, content in value.items():
            field = table.get(name)
            if field is not None and content is not None:
                try:
                    parts.append(field(content, depth))
                except _Wrong as wrong:
                    wrong.path.append(name)
                    raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    _writers[descriptor.full_name] = write
    for field in descriptor.fields:
        if field.name not in PROFILE_FIELDS:
            table[field.json_name] = _field_writer(field)
    return write


_writers: dict[str, _Write] = {}


def _field_writer(field: FieldDescriptor) -> _Write:
    if field.message_type is not None:
        tag, payload = encoded(field.number << 3 | BYTES), _message_writer(field.message_type)
        if field.is_repeated and field.message_type.name == "KeyValue":
            return _attributes(tag, payload)
        if field.is_repeated:
            return _repeated_messages(tag, payload, field.message_type.name == "AnyValue")
        return lambda value, depth: _delimited(tag, payload(value, depth))
    wire, scalar = _scalar_writer(field)
    if field.is_repeated:
        tag = encoded(field.number << 3 | BYTES)
        if field.type == _F.TYPE_STRING:
            return _each(lambda value, depth: tag + scalar(value))
        return _packed(tag, scalar)
    tag = encoded(field.number << 3 | wire)
    return lambda value, depth: tag + scalar(value)


def _repeated_messages(tag: bytes, payload: _Write, keeps_nulls: bool) -> _Write:
    return _each(lambda value, depth: _delimited(tag, payload(value, depth)), b"" if not keeps_nulls else tag + b"\0")


def _each(write: _Write, null: bytes = b"") -> _Write:
    def write_each(values: Any, depth: int) -> bytes:
        if type(values) is not list:
            raise _Wrong(values, "a list")
        parts = []
        for value in values:
            try:
                parts.append(null if value is None else write(value, depth))
            except _Wrong as wrong:
                wrong.path.append(len(parts))
                raise
        return b"".join(parts)

    return write_each


def _attributes(tag: bytes, payload: _Write) -> _Write:
    """Return what writes a list of KeyValues; where the value is a text, as nearly always, not member by member."""

    def write(attribute: Any, depth: int) -> bytes:
        text = _text_of(attribute)
        if text is None or depth >= _DEEPEST_VALUE:
            return _delimited(tag, payload(attribute, depth))
        key, content = attribute["key"].encode(), text.encode()
        value = b"".join((b"\n", _size[len(content)], content))
        entry = b"".join((b"\n", _size[len(key)], key, b"\x12", _size[len(value)], value))
        return b"".join((tag, _size[len(entry)], entry))

    return _each(write)


def _text_of(attribute: Any) -> str | None:
    """Return the value of an attribute that is {"key": text, "value": {"stringValue": text}} and nothing else."""
    if type(attribute) is not dict or len(attribute) != 2 or type(attribute.get("key")) is not str:
        return None
    value = attribute.get("value")
    if type(value) is not dict or len(value) != 1:
        return None
    text = value.get("stringValue")
    return text if type(text) is str else None


class _Sizes(dict[int, bytes]):
    """Lengths as varints; those up to a page are looked up."""

    def __missing__(self, size: int) -> bytes:
        return encoded(size)


_size = _Sizes((size, encoded(size)) for size in range(4096))


def _packed(tag: bytes, scalar: Callable[[Any], bytes]) -> _Write:
    write = _each(lambda value, depth: scalar(value))
    return lambda values, depth: _delimited(tag, write(values, depth)) if values else b""


def _scalar_writer(field: FieldDescriptor) -> tuple[int, Callable[[Any], bytes]]:
    """Return the wire type of a scalar field and what writes its value, a length before it included."""
    if field.enum_type is not None:
        return VARINT, _enum(field.enum_type)
    if field.type == _F.TYPE_BYTES and field.name in ID_SIZES:
        return BYTES, _id
    return _SCALARS[field.type]


def _string(value: Any) -> bytes:
    if type(value) is not str:
        raise _Wrong(value, "a string")
    text = value.encode()
    return _size[len(text)] + text


def _id(value: Any) -> bytes:
    if type(value) is not str:
        raise _Wrong(value, "a string of hex digits")
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        raw = _BAD_ID
    if 2 * len(raw) != len(value):  # fromhex takes blanks
        raw = _BAD_ID
    return encoded(len(raw)) + raw


def _base64(value: Any) -> bytes:
    if type(value) is not str:
        raise _Wrong(value, "a string of base64")
    try:
        text = value.translate(_URL_SAFE).rstrip("=")
        raw = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong(value, "base64") from None
    return encoded(len(raw)) + raw


_URL_SAFE = str.maketrans("-_", "+/")


def _bool(value: Any) -> bytes:
    if type(value) is not bool:
        raise _Wrong(value, "true or false")
    return b"\x01" if value else b"\x00"


def _double(value: Any) -> bytes:
    if type(value) is str and (value in _NOT_IN_JSON or _NUMBER.fullmatch(value)):
        value = float(value)
    if type(value) not in (float, int):
        raise _Wrong(value, "a number")
    return pack("<d", value)


_NOT_IN_JSON = ("NaN", "Infinity", "-Infinity")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_INTEGER = re.compile(r"-?[0-9]{1,20}")


def _whole(value: Any, least: int, most: int) -> int:
    number = value
    if (type(value) is str and _INTEGER.fullmatch(value)) or (type(value) is float and value.is_integer()):
        number = int(value)
    if type(number) is not int:
        raise _Wrong(value, "a whole number")
    if not least <= number <= most:
        raise _Wrong(None, f"from {least} to {most}")
    return number


def _integer(least: int, most: int, write: Callable[[int], bytes]) -> Callable[[Any], bytes]:
    return lambda value: write(_whole(value, least, most))


def _enum(enum: EnumDescriptor) -> Callable[[Any], bytes]:
    names = {name: value.number for name, value in enum.values_by_name.items()}

    def write(value: Any) -> bytes:
        if type(value) is str and not _INTEGER.fullmatch(value):
            return encoded(names.get(value, 0))
        return encoded(_whole(value, -(1 << 63), (1 << 64) - 1) & _U64)

    return write


_U64 = (1 << 64) - 1
_SCALARS: dict[int, tuple[int, Callable[[Any], bytes]]] = {
    _F.TYPE_STRING: (BYTES, _string),
    _F.TYPE_BYTES: (BYTES, _base64),
    _F.TYPE_BOOL: (VARINT, _bool),
    _F.TYPE_DOUBLE: (FIXED64, _double),
    _F.TYPE_INT64: (VARINT, _integer(-(1 << 63), (1 << 63) - 1, lambda number: encoded(number & _U64))),
    _F.TYPE_UINT64: (VARINT, _integer(0, _U64, encoded)),
    _F.TYPE_UINT32: (VARINT, _integer(0, (1 << 32) - 1, encoded)),
    _F.TYPE_SINT32: (
        VARINT,
        _integer(-(1 << 31), (1 << 31) - 1, lambda number: encoded(2 * number if number >= 0 else -2 * number - 1)),
    ),
    _F.TYPE_FIXED32: (FIXED32, _integer(0, (1 << 32) - 1, lambda number: pack("<I", number))),
    _F.TYPE_FIXED64: (FIXED64, _integer(0, _U64, lambda number: pack("<Q", number))),
    _F.TYPE_SFIXED64: (FIXED64, _integer(-(1 << 63), (1 << 63) - 1, lambda number: pack("<q", number))),
}
_write_request: dict[Signal, _Write] = {
    Signal.TRACES: _message_writer(
        trace_service_pb2.DESCRIPTOR.message_types_by_name["ExportTraceServiceRequest"],
    ),
    Signal.LOGS: _message_writer(
        logs_service_pb2.DESCRIPTOR.message_types_by_name["ExportLogsServiceRequest"],
    ),
    Signal.METRICS: _message_writer(
        metrics_service_pb2.DESCRIPTOR.message_types_by_name["ExportMetricsServiceRequest"],
    ),
}
