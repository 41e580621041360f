"""Messages for the tests of the stages: any OTLP request that a client may send."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanbook_schemas.signals import Signal

REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_F = FieldDescriptor
_IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
_SCALARS: dict[int, SearchStrategy[Any]] = {
    _F.TYPE_STRING: st.text(max_size=8),
    _F.TYPE_BYTES: st.binary(max_size=6),
    _F.TYPE_BOOL: st.booleans(),
    _F.TYPE_DOUBLE: st.floats(),
    _F.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    _F.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    _F.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    _F.TYPE_UINT64: st.integers(0, 2**64 - 1),
    _F.TYPE_UINT32: st.integers(0, 2**32 - 1),
    _F.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    _F.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
}


@pytest.fixture(scope="session")
def valid_requests() -> Callable[[Signal], SearchStrategy[Message]]:
    """Strategies of requests in which nothing has to be mended."""
    return lambda signal: _request(signal)


@st.composite
def _request(draw: DrawFn, signal: Signal) -> Message:
    request = REQUESTS[signal]()
    _fill(draw, request, 0)
    return request


def _fill(draw: DrawFn, message: Message, depth: int) -> None:
    descriptor = message.DESCRIPTOR
    for chosen in draw(st.sets(st.sampled_from(_members(descriptor)), max_size=5 if depth < 12 else 0)):
        _set(draw, message, chosen, depth)
    if descriptor.name == "Span":
        for name in ("trace_id", "span_id"):
            setattr(message, name, draw(_id(_IDS[name])))


def _members(descriptor: Descriptor) -> list[str]:
    """Names of fields; of a oneof one at most is set, by the order of the set."""
    return [field.name for field in descriptor.fields if not field.name.endswith("strindex")]


def _id(size: int) -> SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size).filter(any)


def _set(draw: DrawFn, message: Message, name: str, depth: int) -> None:
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.message_type is not None and not field.is_repeated:
        getattr(message, name).SetInParent()
        _fill(draw, getattr(message, name), depth + 1)
    elif field.message_type is not None and field.message_type.name == "KeyValue":
        for key in draw(st.sets(st.text(max_size=4), max_size=3)):
            entry = getattr(message, name).add(key=key)
            if draw(st.booleans()):
                entry.value.SetInParent()
                _fill(draw, entry.value, depth + 1)
    elif field.message_type is not None:
        for _ in range(draw(st.integers(0, 2))):
            _fill(draw, getattr(message, name).add(), depth + 1)
    elif field.is_repeated:
        getattr(message, name).extend(draw(st.lists(_SCALARS[field.type], max_size=3)))
    else:
        setattr(message, name, draw(_scalar(field)))


def _scalar(field: FieldDescriptor) -> SearchStrategy[Any]:
    if field.name in _IDS and field.type == _F.TYPE_BYTES:
        return _id(_IDS[field.name])
    if field.enum_type is not None:
        return st.sampled_from(sorted(field.enum_type.values_by_number))
    return _SCALARS[field.type]
