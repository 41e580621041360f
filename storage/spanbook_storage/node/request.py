"""One HTTP request in ClickHouse's terms: statement, settings, parameters, format, body."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qsl

from .compression import Decompressor
from .errors import NodeError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_FORM_BYTES = 1 << 20

# Words of the URL that are no settings.
_TRANSPORT = frozenset(
    (
        "buffer_size",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    )
)


class ClientGone(Exception):
    """The client hung up before its request was whole."""


@dataclass(frozen=True)
class Request:
    """What a client asks, before anybody has judged it."""

    method: str
    path: str
    headers: dict[str, str]
    url: dict[str, str]
    query_id: str
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> str:
        return self.url.get("database") or self.headers.get("x-clickhouse-database", "")

    @property
    def format(self) -> str:
        return self.url.get("default_format") or self.headers.get("x-clickhouse-format", "")

    def flag(self, name: str) -> bool:
        return self.url.get(name, "0") in ("1", "true")


def parse_request(scope: Scope) -> Request:
    """The request that an ASGI scope describes."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    url = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return _request(scope["method"], scope["path"], headers, url)


def _request(method: str, path: str, headers: dict[str, str], url: dict[str, str]) -> Request:
    return Request(
        method=method,
        path=path,
        headers=headers,
        url=url,
        query_id=url.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid.uuid4()),
        settings={name: url[name] for name in url if name not in _TRANSPORT and not name.startswith("param_")},
        params={name.removeprefix("param_"): value for name, value in url.items() if name.startswith("param_")},
    )


async def with_form(request: Request, pieces: AsyncIterator[bytes]) -> Request:
    """The request with the fields of a form in its body, as clients send parameters that are too long for a URL.

    Raises NodeError for what is no form, too large, or brings a table along.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return request
    data = bytearray(f"Content-Type: {kind}\r\n\r\n".encode())
    async for piece in pieces:
        data += piece
        if len(data) > _FORM_BYTES:
            raise NodeError(36, "BAD_ARGUMENTS", f"a form of more than {_FORM_BYTES} bytes is not read here")
    fields = {"query_id": request.query_id} | request.url
    for part in message_from_bytes(bytes(data)).walk():
        if part.is_multipart():
            continue
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or part.get_filename() is not None:
            hint = "hint: name them in the statement, or send OTLP to the collector"
            raise NodeError(48, "NOT_IMPLEMENTED", f"external tables in a form are not read here\n{hint}")
        payload = part.get_payload(decode=True)
        fields[name] = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return _request(request.method, request.path, request.headers, fields)


async def body(receive: Receive, encoding: str) -> AsyncGenerator[bytes, None]:
    """The request's body, decompressed, in the pieces in which it comes; raises ClientGone."""
    decompressor = Decompressor(encoding)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        if piece := decompressor.feed(message.get("body", b"")):
            yield piece
    decompressor.finish()
