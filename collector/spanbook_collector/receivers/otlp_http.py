"""OTLP over HTTP/1.1: protobuf and JSON, as a bare ASGI application.

The answer is in the encoding of the request, refusals too.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from spanbook_collector import metrics
from spanbook_collector.config import ReceiverSettings
from spanbook_collector.pipeline import Pipeline, refusal_of
from spanbook_collector.receivers.answers import Reason, Refusal, accepted_json, retry_delay, status, status_json
from spanbook_collector.receivers.bodies import ENCODINGS, Disconnected, Receive, inflate, read_body
from spanbook_collector.receivers.cors import Headers, cors_headers, preflight_headers
from spanbook_schemas.signals import Signal

PROTOBUF, JSON = b"application/x-protobuf", b"application/json"

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """A finished answer."""

    status: int
    headers: Headers
    body: bytes = b""


class OtlpHttp:
    """The ASGI application."""

    def __init__(self, pipeline: Pipeline, settings: ReceiverSettings) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._routes = _routes(settings.extra_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        signal = self._routes.get(scope["path"].rstrip("/") or "/")
        if scope["method"] == "OPTIONS" and signal is not None:
            allowed = preflight_headers(origin, self._settings.cors_origins)
            return await _send(send, Reply(204, [(b"allow", b"POST, OPTIONS"), *allowed]))
        try:
            reply = await self._export(scope["method"], signal, headers, receive)
        except Disconnected:
            return None
        except Exception as error:
            reply = _refused(refusal_of(error), headers)
        reply.headers.extend(cors_headers(origin, self._settings.cors_origins))
        return await _send(send, reply)

    async def _export(self, method: str, signal: Signal | None, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        if signal is None:
            raise Refusal(Reason.NO_SUCH_PATH, "OTLP is taken at `/v1/traces`, `/v1/logs` and `/v1/metrics`")
        if method != "POST":
            raise Refusal(Reason.BAD_METHOD, "only POST is taken here")
        tenant = self._pipeline.admit(_secret(headers))
        kind = _media_type(headers)
        if kind not in (PROTOBUF, JSON):
            raise Refusal(Reason.UNKNOWN_ENCODING, f"the content type is to be {PROTOBUF.decode()} or {JSON.decode()}")
        encoding = _content_encoding(headers)
        limit = self._settings.max_request_bytes
        with self._pipeline.budget.held() as share:
            seconds, rate = self._settings.body_timeout_seconds, self._settings.body_bytes_per_second
            body = await read_body(receive, _content_length(headers), limit, seconds, rate, share)
            if encoding:
                body = await inflate(body, encoding, limit, share)
            answer = await self._pipeline.accept("http", signal, tenant, body, is_json=kind == JSON)
        return Reply(200, [(b"content-type", kind)], accepted_json(signal, answer) if kind == JSON else answer)


def _routes(extra_paths: tuple[str, ...]) -> dict[str, Signal]:
    found = {f"/v1/{signal}": signal for signal in Signal}
    found.update({path.rstrip("/") or "/": _signal_of(path) for path in extra_paths})
    return found


def _signal_of(path: str) -> Signal:
    """Return the signal that a further path takes: by its last word, else traces."""
    last = path.rstrip("/").rpartition("/")[2]
    return Signal(last) if last in set(Signal) else Signal.TRACES


def _secret(headers: dict[bytes, bytes]) -> str | None:
    scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return secret.strip().decode("latin-1")
    plain = headers.get(b"x-api-key")
    return plain.decode("latin-1") if plain is not None else None


def _media_type(headers: dict[bytes, bytes]) -> bytes:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _content_encoding(headers: dict[bytes, bytes]) -> str:
    encoding = headers.get(b"content-encoding", b"").strip().lower().decode("latin-1")
    if encoding in ("", "identity"):
        return ""
    if encoding not in ENCODINGS:
        raise Refusal(Reason.UNKNOWN_ENCODING, f"the content encoding is to be one of {', '.join(ENCODINGS)}")
    return encoding


def _content_length(headers: dict[bytes, bytes]) -> int | None:
    value = headers.get(b"content-length")
    return int(value) if value is not None else None  # the HTTP parser has refused what is no number


def _refused(refusal: Refusal, headers: dict[bytes, bytes]) -> Reply:
    reason = refusal.reason
    metrics.REFUSED_REQUESTS.labels("http", reason.label).inc()
    retry = retry_delay() if reason.retryable else None
    found = status(refusal, retry)
    kind = PROTOBUF if _media_type(headers) == PROTOBUF else JSON
    body = found.SerializeToString() if kind == PROTOBUF else status_json(found)
    reply = Reply(reason.http_status, [(b"content-type", kind)], body)
    if retry is not None:
        reply.headers.append((b"retry-after", b"2"))
    if reason is Reason.BAD_METHOD:
        reply.headers.append((b"allow", b"POST, OPTIONS"))
    if reason is Reason.NO_KEY:
        reply.headers.append((b"www-authenticate", b"Bearer"))
    if reason is Reason.UNKNOWN_ENCODING:
        reply.headers.append((b"accept-encoding", ", ".join(ENCODINGS).encode()))
    if reason is Reason.TOO_SLOW or b"expect" in headers:  # who waits to be asked for the body will not send it
        reply.headers.append((b"connection", b"close"))
    return reply


async def _send(send: Send, reply: Reply) -> None:
    headers = reply.headers
    if reply.status != 204:
        headers = [*headers, (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
