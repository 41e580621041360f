"""OTLP endpoints of others: one request over gRPC or HTTP, and what its answer means.

The verdicts are those of the OTLP specification: what a client may retry, and what it must not.
"""

import contextlib
import email.utils
import enum
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from spanbook_collector.config import Address, Forward
from spanbook_collector.receivers.otlp_grpc import SERVICES
from spanbook_schemas.signals import Signal

TIMEOUT = 10.0  # seconds an endpoint has to answer
# Keys may be given later and addresses be corrected: nothing is thrown away for these.
WAITING_CODES = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
WAITING_STATUSES = frozenset({401, 403, 404, 405, 408, 429, 502, 503, 504})


class Verdict(enum.Enum):
    """What has become of a request."""

    TAKEN = "taken"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True)
class Outcome:
    """A verdict, why, and how many seconds the endpoint asks to be left alone."""

    verdict: Verdict
    reason: str = ""
    delay: float = 0.0


TAKEN = Outcome(Verdict.TAKEN)


class Endpoint(Protocol):
    """Somewhere that takes OTLP."""

    async def send(self, signal: Signal, body: bytes) -> Outcome:
        """Send a serialized request; never raises."""
        ...


@contextlib.asynccontextmanager
async def connected(forward: Forward) -> AsyncIterator[Endpoint]:
    """Give the endpoint that a forward names. Raises OSError when its TLS files cannot be read."""
    parts = urlsplit(forward.url)
    if parts.scheme in ("grpc", "grpcs"):
        address = str(Address(parts.hostname or "", parts.port or 4317))
        async with _channel(address, forward, secure=parts.scheme == "grpcs") as channel:
            yield _GrpcEndpoint(channel, forward.headers)
    else:
        context = _tls(forward) if parts.scheme == "https" else None
        connector = aiohttp.TCPConnector(ssl=context) if context else aiohttp.TCPConnector()
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield _HttpEndpoint(session, forward)


class _GrpcEndpoint:
    def __init__(self, channel: grpc.aio.Channel, headers: Iterable[tuple[str, str]]) -> None:
        self._headers = tuple((name.lower(), value) for name, value in headers)
        self._exports: dict[Signal, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {
            signal: channel.unary_unary(f"/{service}/Export") for signal, service in SERVICES.items()
        }

    async def send(self, signal: Signal, body: bytes) -> Outcome:
        try:
            await self._exports[signal](body, timeout=TIMEOUT, metadata=self._headers)
        except grpc.aio.AioRpcError as error:
            return _grpc_outcome(error)
        except Exception as error:  # a header that gRPC does not send, for one
            return Outcome(Verdict.LATER, type(error).__name__)
        return TAKEN


class _HttpEndpoint:
    def __init__(self, session: aiohttp.ClientSession, forward: Forward) -> None:
        self._session, self._base = session, forward.url.rstrip("/")
        self._headers = {"content-type": "application/x-protobuf", **dict(forward.headers)}

    async def send(self, signal: Signal, body: bytes) -> Outcome:
        try:
            url = f"{self._base}/v1/{signal}"
            async with self._session.post(url, data=body, headers=self._headers, allow_redirects=False) as answer:
                await answer.read()
                return _http_outcome(answer)
        except Exception as error:  # a header that HTTP does not know, among what networks do
            return Outcome(Verdict.LATER, type(error).__name__)


def _grpc_outcome(error: grpc.aio.AioRpcError) -> Outcome:
    code, delay = error.code(), _retry_delay(error)
    if code in WAITING_CODES or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and delay is not None):
        return Outcome(Verdict.LATER, code.name, delay or 0.0)
    return Outcome(Verdict.REFUSED, f"{code.name}: {(error.details() or '')[:500]}")


def _retry_delay(error: grpc.aio.AioRpcError) -> float | None:
    """Return the seconds of RetryInfo, None when there is none."""
    trailers = dict(error.trailing_metadata() or ())
    details = trailers.get("grpc-status-details-bin")
    info = RetryInfo()
    with contextlib.suppress(DecodeError):
        for detail in Status.FromString(details).details if isinstance(details, bytes) else ():
            if detail.Unpack(info):
                return float(info.retry_delay.ToNanoseconds() / 1e9)
    return None


def _http_outcome(answer: aiohttp.ClientResponse) -> Outcome:
    if answer.status < 300:
        return TAKEN
    reason = f"HTTP {answer.status}"
    if answer.status in WAITING_STATUSES or 300 <= answer.status < 400:
        return Outcome(Verdict.LATER, reason, _retry_after(answer.headers.get("retry-after", "")))
    return Outcome(Verdict.REFUSED, reason)


def _retry_after(value: str) -> float:
    """Return the seconds of a Retry-After header (seconds, or a date), 0 when there is none that makes sense."""
    if value.isdecimal():
        return min(float(value), 300.0)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, min(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 300.0))
    return 0.0


def _channel(address: str, forward: Forward, *, secure: bool) -> grpc.aio.Channel:
    options = [("grpc.max_receive_message_length", 4 * 1024 * 1024), ("grpc.keepalive_time_ms", 60_000)]
    if not secure:
        return grpc.aio.insecure_channel(address, options)
    authority, chain, key = (_bytes(file) for file in (forward.ca_file, forward.cert_file, forward.key_file))
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(authority, key, chain), options)


def _tls(forward: Forward) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=forward.ca_file or None)
    if forward.cert_file:
        context.load_cert_chain(forward.cert_file, forward.key_file or None)
    return context


def _bytes(file: str) -> bytes | None:
    return Path(file).read_bytes() if file else None
