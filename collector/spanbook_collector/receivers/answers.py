"""What a client is told: success, partial success, or why a request was not taken, in the words of OTLP.

Clients drop what they think is final, so the choice of a code decides whether data survives: whatever may succeed
later is UNAVAILABLE or 503 with a delay (over a quota: RESOURCE_EXHAUSTED or 429 with one), never INTERNAL or 500.
"""

import json
import random
from enum import Enum

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanbook_schemas.signals import Signal

# The SDKs drop a batch at once when they are told to wait longer than what is left of their ten seconds.
RETRY_SECONDS = (1.5, 1.9)
LONGEST_MESSAGE = 4096  # characters; an answer may not exceed 4 MiB (OTLP 1.11)

_RESPONSES: dict[Signal, tuple[type[Message], str]] = {
    Signal.TRACES: (ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (ExportLogsServiceResponse, "rejected_log_records"),
    Signal.METRICS: (ExportMetricsServiceResponse, "rejected_data_points"),
}


class Reason(Enum):
    """Why a request was not taken: its name in the metrics, gRPC code, HTTP status, and whether a retry may help."""

    NO_KEY = ("no_key", Code.UNAUTHENTICATED, 401, False)
    FORBIDDEN = ("forbidden", Code.PERMISSION_DENIED, 403, False)
    BAD_DATA = ("bad_data", Code.INVALID_ARGUMENT, 400, False)
    TOO_LARGE = ("too_large", Code.RESOURCE_EXHAUSTED, 413, False)
    NO_SUCH_PATH = ("no_such_path", Code.UNIMPLEMENTED, 404, False)
    BAD_METHOD = ("bad_method", Code.UNIMPLEMENTED, 405, False)
    UNKNOWN_ENCODING = ("unknown_encoding", Code.UNIMPLEMENTED, 415, False)
    OVER_QUOTA = ("over_quota", Code.RESOURCE_EXHAUSTED, 429, True)
    TOO_SLOW = ("too_slow", Code.DEADLINE_EXCEEDED, 408, False)
    BUSY = ("busy", Code.UNAVAILABLE, 503, True)
    QUEUE_FULL = ("queue_full", Code.UNAVAILABLE, 503, True)
    QUEUE_BROKEN = ("queue_broken", Code.UNAVAILABLE, 503, True)
    STOPPING = ("stopping", Code.UNAVAILABLE, 503, True)
    UNEXPECTED = ("unexpected", Code.UNAVAILABLE, 503, True)

    def __init__(self, label: str, code: int, http_status: int, retryable: bool) -> None:
        self.label = label
        self.code = code
        self.http_status = http_status
        self.retryable = retryable


class Refusal(Exception):
    """A request that was not taken; `message` is for the developer at the other end and holds none of the payload."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message[:LONGEST_MESSAGE]


def accepted(signal: Signal, rejected: int = 0, message: str = "") -> bytes:
    """Return the serialized `Export…ServiceResponse`; empty when everything was taken as it came."""
    if not rejected and not message:
        return b""
    response, field = _RESPONSES[signal]
    partial = {field: rejected, "error_message": message[:LONGEST_MESSAGE]}
    return response(partial_success=partial).SerializeToString()


def accepted_json(signal: Signal, answer: bytes) -> bytes:
    """Return the same answer in OTLP's JSON encoding."""
    if not answer:
        return b"{}"
    response, _ = _RESPONSES[signal]
    return json.dumps(json_format.MessageToDict(response.FromString(answer))).encode()


def retry_delay() -> RetryInfo:
    """Return when to come again: soon, and not all at once."""
    info = RetryInfo()
    info.retry_delay.FromNanoseconds(int(random.uniform(*RETRY_SECONDS) * 1e9))
    return info


def status(refusal: Refusal, retry: RetryInfo | None = None) -> Status:
    """Return the `google.rpc.Status` of a refusal, with BadRequest or RetryInfo among its details."""
    found = Status(code=refusal.reason.code, message=refusal.message)
    if refusal.reason is Reason.BAD_DATA:
        violation = BadRequest.FieldViolation(description=refusal.message)
        found.details.append(_packed(BadRequest(field_violations=[violation])))
    if retry is not None:
        found.details.append(_packed(retry))
    return found


def status_json(found: Status) -> bytes:
    """Return a status in protobuf's JSON encoding."""
    return json.dumps(json_format.MessageToDict(found)).encode()


def _packed(detail: BadRequest | RetryInfo) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
