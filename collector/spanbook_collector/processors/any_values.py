"""Where values stand in an OTLP message: in the attributes of whatever has some, and as the body of a log record."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


def attribute_lists(message: Message) -> Iterator[Any]:
    """Yield each attribute list (a repeated KeyValue, which may be changed) of a message and what it holds.

    The message is a Resource, InstrumentationScope, Span, LogRecord or Metric. Lists nested in values are not walked.
    """
    for field, value in message.ListFields():
        held = field.message_type
        if held is None or held.name == "AnyValue":
            continue
        if held.name == "KeyValue":
            yield value
        else:
            for inner in value if field.is_repeated else (value,):
                yield from attribute_lists(inner)


def any_values(message: Message) -> Iterable[AnyValue]:
    """Yield each value that stands in an attribute list or as the body of a log record."""
    for attributes in attribute_lists(message):
        for attribute in attributes:
            yield attribute.value
    if isinstance(message, LogRecord):
        yield message.body
