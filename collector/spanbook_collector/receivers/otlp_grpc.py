"""OTLP over gRPC.

Export is unary on the wire but registered as `stream_unary`: a unary handler is given the whole body before it can say
no, while a stream's handler asks for it, so a stranger's bytes stay in the connection's 64 KiB window. For the same
reason calls are counted here and not by `maximum_concurrent_rpcs`: it answers RESOURCE_EXHAUSTED without RetryInfo, and
clients then drop. Connections cannot be counted at all: gRPC's server has no limit for them, and shows none to us.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NoReturn, TypeAlias

import grpc
from grpc.aio import ServicerContext

from spanbook_collector import metrics
from spanbook_collector.config import Address, ReceiverSettings
from spanbook_collector.errors import StartError
from spanbook_collector.pipeline import Pipeline, refusal_of
from spanbook_collector.receivers.answers import Reason, Refusal, retry_delay, status
from spanbook_schemas.signals import Signal

SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
SMALLEST_EXPECTED = 256 * 1024  # bytes
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Context: TypeAlias = "ServicerContext[bytes, bytes]"


async def start_grpc(
    pipeline: Pipeline, address: Address, settings: ReceiverSettings, credentials: grpc.ServerCredentials | None = None
) -> tuple[grpc.aio.Server, int]:
    """Start the server and return it with its port. Raises StartError when it cannot listen there."""
    server = grpc.aio.server(options=_options(settings))
    exports = OtlpGrpc(pipeline, settings)
    server.add_generic_rpc_handlers([exports.service(signal) for signal in Signal])
    try:
        if credentials is None:
            port = server.add_insecure_port(str(address))
        else:
            port = server.add_secure_port(str(address), credentials)
    except RuntimeError as error:
        raise StartError(
            f"cannot listen for OTLP/gRPC at `{address}`: the port is taken, or the address is not of this machine",
            "stop what listens there, or choose another one with `--grpc`",
        ) from error
    await server.start()
    return server, port


class OtlpGrpc:
    """The three services."""

    def __init__(self, pipeline: Pipeline, settings: ReceiverSettings) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._expected = SMALLEST_EXPECTED
        self._calls = 0  # under way

    def service(self, signal: Signal) -> grpc.GenericRpcHandler:
        """Return the service of a signal."""

        async def export(_: AsyncIterator[bytes], context: Context) -> bytes:
            self._calls += 1
            try:
                return await self._export(signal, context)
            except Exception as error:
                await _refuse(context, refusal_of(error))
            finally:
                self._calls -= 1

        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(SERVICES[signal], {"Export": method})

    async def _export(self, signal: Signal, context: Context) -> bytes:
        if self._calls > self._settings.max_grpc_calls:
            raise Refusal(Reason.BUSY, "too many calls are under way at this moment")
        tenant = self._pipeline.admit(_secret(context))
        with self._pipeline.budget.held() as share:
            await share.grow_to(self._expected)
            body = await _read(context, self._settings.body_timeout_seconds)
            self._expect(len(body))
            await share.grow_to(len(body))
            share.shrink_to(len(body))
            return await self._pipeline.accept("grpc", signal, tenant, body)

    def _expect(self, size: int) -> None:
        """Guess the next message's size, which gRPC does not tell, to hold room for it: as large as those of late."""
        guess = max(size, self._expected * 9 // 10, SMALLEST_EXPECTED)
        self._expected = min(guess, self._settings.max_in_flight_bytes // 8)


def _options(settings: ReceiverSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_request_bytes),  # after decompression
        ("grpc.max_concurrent_streams", 128),
        ("grpc.http.overload_protection", 0),  # refuses streams of clients that keep to the limit
        # Windows that grow with the link's speed would let a stranger fill them unread: 200 MB of forty calls, against
        # one without. A message that is asked for gets the window it needs either way.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.so_reuseport", 0),  # a second collector on the same port is a mistake, not a cluster
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_idle_ms", 300_000),
        ("grpc.max_connection_age_ms", 300_000),  # gRPC adds its own jitter; lets a load balancer move clients
        ("grpc.max_connection_age_grace_ms", 30_000),
    ]


async def _read(context: Context, seconds: float) -> bytes:
    """Return the only message of a call."""
    try:
        async with asyncio.timeout(seconds):
            body: object = await context.read()
            more: object = await context.read() if isinstance(body, bytes) else None
    except TimeoutError:
        raise Refusal(Reason.TOO_SLOW, f"the body did not come within {seconds:g} s") from None
    if not isinstance(body, bytes):
        raise Refusal(Reason.BAD_DATA, "the call carries no message")
    if more is not grpc.aio.EOF:
        raise Refusal(Reason.BAD_DATA, "the call carries more than one message")
    return body


async def _refuse(context: Context, refusal: Refusal) -> NoReturn:
    metrics.REFUSED_REQUESTS.labels("grpc", refusal.reason.label).inc()
    retry = retry_delay() if refusal.reason.retryable else None
    trailers = [("grpc-status-details-bin", status(refusal, retry).SerializeToString())]
    if retry is not None:
        # The Python SDK looks for the detail here, and not in the status.
        trailers.append(("google.rpc.retryinfo-bin", retry.SerializeToString()))
    await context.abort(_CODES[refusal.reason.code], refusal.message, tuple(trailers))


def _secret(context: Context) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if isinstance(value, bytes):
            continue
        if name == "x-api-key":
            return value
        if name == "authorization":
            scheme, _, secret = value.partition(" ")
            if scheme.lower() == "bearer":
                return secret.strip()
    return None
