"""The same request over gRPC and over HTTP, and what came back in the same terms.

No SDK: what is sent may be as wrong as a test wants it.
"""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf import json_format
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
RESPONSES: dict[str, tuple[Any, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}
PROTOBUF = "application/x-protobuf"
SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What a client learns: a gRPC code (over HTTP from the Status in the body), and the details."""

    code: int
    message: str = ""
    rejected: int = 0
    body: bytes = b""
    retry: float | None = None  # seconds, by RetryInfo or Retry-After
    bad_request: bool = False
    http_status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


class Client(Protocol):
    """Sends a body as it is."""

    transport: str

    def send(self, body: bytes, signal: str = "traces", headers: Mapping[str, str] | None = None) -> Answer: ...


class GrpcClient:
    """Unary calls with raw bytes."""

    transport = "grpc"

    def __init__(self, port: int, credentials: grpc.ChannelCredentials | None = None, **options: Any) -> None:
        target, arguments = f"localhost:{port}", list(options.items())
        if credentials:
            self.channel = grpc.secure_channel(target, credentials, options=arguments)
        else:
            self.channel = grpc.insecure_channel(target, options=arguments)

    def send(
        self,
        body: bytes,
        signal: str = "traces",
        headers: Mapping[str, str] | None = None,
        compression: grpc.Compression = grpc.Compression.NoCompression,
    ) -> Answer:
        call = self.channel.unary_unary(METHODS[signal])
        try:
            answer = call(body, timeout=SECONDS, metadata=tuple((headers or {}).items()), compression=compression)
        except grpc.RpcError as error:
            return _refused(error)
        return _accepted(signal, answer)

    def close(self) -> None:
        self.channel.close()


class HttpClient:
    """POSTs on one connection that is kept alive."""

    transport = "http"

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        if tls:
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "localhost", port, timeout=SECONDS, context=tls
            )
        else:
            self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)

    def send(self, body: bytes, signal: str = "traces", headers: Mapping[str, str] | None = None) -> Answer:
        status, found, answer = self.request(
            "POST", f"/v1/{signal}", body, {"content-type": PROTOBUF, **(headers or {})}
        )
        if status == 200:
            return _accepted(signal, answer, found)
        error = Status()
        if found["content-type"] == PROTOBUF:
            error.ParseFromString(answer)
        else:
            json_format.Parse(answer, error)
        return Answer(
            error.code,
            error.message,
            body=answer,
            retry=float(found["retry-after"]) if "retry-after" in found else None,
            bad_request=_detail(error, BadRequest()),
            http_status=status,
            headers=found,
        )

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Say anything; returns status, headers in lower case, and body."""
        self.connection.request(method, path, body, headers=dict(headers or {}), **options)
        response = self.connection.getresponse()
        answer = response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, answer

    def close(self) -> None:
        self.connection.close()


def spans(count: int = 1, size: int = 0, start: int = 1, **attributes: str) -> bytes:
    """Return a request of `count` valid spans, each with a text of `size` characters."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(start, start + count):
        span = scope.spans.add(name="chat", trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"))
        span.start_time_unix_nano, span.end_time_unix_nano = 1_700_000_000_000_000_000, 1_700_000_001_000_000_000
        for key, text in {"text": "x" * size, **attributes}.items():
            span.attributes.add(key=key).value.string_value = text
    return request.SerializeToString()


def one_of(signal: str) -> bytes:
    """Return a small valid request of a signal."""
    if signal == "logs":
        logs = ExportLogsServiceRequest()
        record = logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1_700_000_000_000_000_000)
        record.body.string_value = "hello"
        return logs.SerializeToString()
    if signal == "metrics":
        metrics = ExportMetricsServiceRequest()
        metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="tokens")
        metric.gauge.data_points.add(as_int=7, time_unix_nano=1_700_000_000_000_000_000)
        return metrics.SerializeToString()
    return spans()


def _accepted(signal: str, answer: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    response, field_name = RESPONSES[signal]
    found = response.FromString(answer).partial_success
    status = 200 if headers else 0
    return Answer(0, found.error_message, getattr(found, field_name), answer, http_status=status, headers=headers or {})


def _refused(error: grpc.RpcError) -> Answer:
    trailers = dict(error.trailing_metadata() or ())
    details = Status.FromString(trailers.get("grpc-status-details-bin", b""))
    retry = RetryInfo()
    in_status = _detail(details, retry)
    alone = (
        RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]) if "google.rpc.retryinfo-bin" in trailers else None
    )
    assert in_status == (alone is not None), "RetryInfo stands in both trailers or in none"
    return Answer(
        error.code().value[0],
        error.details() or "",
        retry=alone.retry_delay.ToTimedelta().total_seconds() if alone else None,
        bad_request=_detail(details, BadRequest()),
    )


def _detail(status: Status, into: Any) -> bool:
    return any(detail.Unpack(into) for detail in status.details)


__all__ = ["Answer", "Client", "Code", "GrpcClient", "HttpClient", "one_of", "spans"]
