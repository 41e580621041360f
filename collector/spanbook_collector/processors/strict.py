"""OTLP declared in two other ways, so that upb finds in two parses whether anything is amiss.

*Strict*: attribute lists are maps (a doubled key vanishes), every scalar has explicit presence (a zero that was sent is
kept), fields that only profiles may use are unknown. A message that is as long when written again as it was on the
wire holds nothing twice.

*Columns*: messages are never repeated and scalars always are. By protobuf's own rule for a message given twice, all
spans of a run are merged into one, and so are their attributes: what took a walk over objects is one list per field,
and unknown fields and groups, wherever they were, are found in a handful of messages. Only the elements of lists and
maps stay bytes, one each: joined and parsed again they are the next level of nesting.

Nothing is ever stored in these forms.
"""

from collections.abc import Callable

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from spanbook_schemas.signals import Signal

PROFILE_FIELDS = frozenset(("string_value_strindex", "key_strindex"))
_KEY_VALUE = ".opentelemetry.proto.common.v1.KeyValue"
_Field = descriptor_pb2.FieldDescriptorProto
_Message = descriptor_pb2.DescriptorProto


def _strict(message: _Message, path: str) -> None:
    for field in message.field:
        if field.type_name == _KEY_VALUE and field.label == _Field.LABEL_REPEATED:
            entry = message.nested_type.add(name=field.name.title().replace("_", "") + "Entry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
            value = entry.field.add(name="value", number=2, type=_Field.TYPE_MESSAGE, label=_Field.LABEL_OPTIONAL)
            value.type_name = _KEY_VALUE.replace("KeyValue", "AnyValue")
            field.type_name = f"{path}.{entry.name}"


def _columns(message: _Message, path: str) -> None:
    del message.oneof_decl[:]
    nesting = message.name in ("ArrayValue", "KeyValueList")
    for field in message.field:
        field.ClearField("oneof_index")
        if nesting or field.type == _Field.TYPE_STRING:
            field.type = _Field.TYPE_BYTES
            field.ClearField("type_name")
        field.label = _Field.LABEL_OPTIONAL if field.type == _Field.TYPE_MESSAGE else _Field.LABEL_REPEATED


class _Dialect:
    """opentelemetry-proto with each message declared anew."""

    def __init__(self, declare: Callable[[_Message, str], None]) -> None:
        self._declare = declare
        self._pool = descriptor_pool.DescriptorPool()
        for module in (common_pb2, resource_pb2, trace_pb2, logs_pb2, metrics_pb2):
            self._add(module.DESCRIPTOR)

    def message(self, name: str) -> type[Message]:
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"opentelemetry.proto.{name}"))

    def messages(self, prefix: str) -> dict[Signal, type[Message]]:
        """Return the messages `Resource…` or `Scope…` of the three signals."""
        names = {
            Signal.TRACES: f"trace.v1.{prefix}Spans",
            Signal.LOGS: f"logs.v1.{prefix}Logs",
            Signal.METRICS: f"metrics.v1.{prefix}Metrics",
        }
        return {signal: self.message(name) for signal, name in names.items()}

    def _add(self, source: FileDescriptor) -> None:
        file = descriptor_pb2.FileDescriptorProto()
        source.CopyToProto(file)
        for message in file.message_type:
            self._add_message(message, f".{file.package}.{message.name}")
        file.syntax = "editions"
        file.edition = descriptor_pb2.EDITION_2023
        self._pool.AddSerializedFile(file.SerializeToString())

    def _add_message(self, message: _Message, path: str) -> None:
        for nested in message.nested_type:
            self._add_message(nested, f"{path}.{nested.name}")
        kept = [field for field in message.field if field.name not in PROFILE_FIELDS]
        del message.field[:]
        message.field.extend(kept)
        for field in message.field:
            field.ClearField("proto3_optional")  # an edition says it otherwise
        self._declare(message, path)


_strict_dialect = _Dialect(_strict)
_columns_dialect = _Dialect(_columns)
STRICT_RESOURCE, STRICT_SCOPE = _strict_dialect.messages("Resource"), _strict_dialect.messages("Scope")
COLUMNS_RESOURCE, COLUMNS_SCOPE = _columns_dialect.messages("Resource"), _columns_dialect.messages("Scope")
COLUMNS_VALUE = _columns_dialect.message("common.v1.AnyValue")
COLUMNS_ATTRIBUTE = _columns_dialect.message("common.v1.KeyValue")
