"""What a walk must know of each OTLP message, read once from opentelemetry-proto's descriptors.

Only the rules that no descriptor states are written here: how long ids are, and which of them a span cannot do without.
"""

from dataclasses import dataclass, field
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from spanbook_schemas.signals import Signal

from .strict import PROFILE_FIELDS
from .wire import BYTES, FIXED32, FIXED64, VARINT

ID_SIZES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
REQUIRED_IDS = {"Span": ("trace_id", "span_id")}

_F = FieldDescriptor
_WIRE = {
    _F.TYPE_DOUBLE: FIXED64,
    _F.TYPE_FIXED64: FIXED64,
    _F.TYPE_SFIXED64: FIXED64,
    _F.TYPE_FLOAT: FIXED32,
    _F.TYPE_FIXED32: FIXED32,
    _F.TYPE_SFIXED32: FIXED32,
    _F.TYPE_STRING: BYTES,
    _F.TYPE_BYTES: BYTES,
    _F.TYPE_MESSAGE: BYTES,
}


@dataclass(slots=True)
class Field:
    """One field of a message: how it travels and what must hold of it."""

    name: str
    number: int
    wire: int
    repeated: bool
    oneof: str | None  # its real oneof: of all members, the last on the wire counts
    shape: "Shape | None"  # of a message
    keyed: bool  # an attribute list: its last entry of a key counts
    text: bool
    id_size: int  # 0: not an id
    enum: frozenset[int] | None  # the values that exist
    absent: bool  # defined for profiles only, so not there


@dataclass(slots=True)
class Shape:
    """One message; `fields` by number."""

    name: str
    fields: dict[int, Field] = field(default_factory=dict)
    required: tuple[int, ...] = ()  # numbers of the ids it cannot do without
    keyed: bool = False  # it holds an attribute list


def _field(descriptor: FieldDescriptor) -> Field:
    message, enum = descriptor.message_type, descriptor.enum_type
    oneof = descriptor.containing_oneof
    return Field(
        name=descriptor.name,
        number=descriptor.number,
        wire=_WIRE.get(descriptor.type, VARINT),
        repeated=descriptor.is_repeated,
        oneof=oneof.name if oneof is not None else None,
        shape=shape_of(message) if message is not None else None,
        keyed=message is not None and message.name == "KeyValue" and descriptor.is_repeated,
        text=descriptor.type == _F.TYPE_STRING,
        id_size=ID_SIZES.get(descriptor.name, 0) if descriptor.type == _F.TYPE_BYTES else 0,
        enum=frozenset(enum.values_by_number) if enum is not None else None,
        absent=descriptor.name in PROFILE_FIELDS,
    )


_known: dict[str, Shape] = {}


def shape_of(descriptor: Descriptor) -> Shape:
    """Return the message's shape; messages may hold themselves, so it is known before its fields are."""
    if descriptor.full_name not in _known:
        shape = _known[descriptor.full_name] = Shape(descriptor.name)
        shape.fields.update((each.number, _field(each)) for each in descriptor.fields)
        shape.keyed = any(each.keyed for each in shape.fields.values())
        required = REQUIRED_IDS.get(descriptor.name, ())
        shape.required = tuple(descriptor.fields_by_name[name].number for name in required)
    return _known[descriptor.full_name]


@cache
def resource_shape(signal: Signal) -> Shape:
    """Shape of ResourceSpans, ResourceLogs or ResourceMetrics."""
    messages = {
        Signal.TRACES: trace_pb2.DESCRIPTOR.message_types_by_name["ResourceSpans"],
        Signal.LOGS: logs_pb2.DESCRIPTOR.message_types_by_name["ResourceLogs"],
        Signal.METRICS: metrics_pb2.DESCRIPTOR.message_types_by_name["ResourceMetrics"],
    }
    return shape_of(messages[signal])


def scope_shape(signal: Signal) -> Shape:
    """Shape of ScopeSpans, ScopeLogs or ScopeMetrics."""
    shape = resource_shape(signal).fields[2].shape
    assert shape is not None
    return shape


def item_shape(signal: Signal) -> Shape:
    """Shape of Span, LogRecord or Metric."""
    shape = scope_shape(signal).fields[2].shape
    assert shape is not None
    return shape
