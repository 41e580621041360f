"""An HTTP answer as ClickHouse gives it: headers, the whole body or a stream, and errors before or within it."""

import secrets

import orjson

from .engine import Stats
from .errors import NodeError
from .request import Request, Send

TEXT = "text/plain; charset=UTF-8"
_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8; header=present",
}
_BINARY = ("Native", "RowBinary", "Arrow", "Parquet", "ORC", "Avro", "MsgPack", "Protobuf", "BSON")


class Answer:
    """The answer to one request; `began` once headers are out."""

    def __init__(self, request: Request, send: Send, timezone: str) -> None:
        self._request, self._send, self._timezone = request, send, timezone
        self._tag = secrets.token_hex(8)
        self.began = False
        self.counts = True  # whether it may say how much was read
        self.format = ""
        self.encoding = ""

    async def whole(self, body: bytes, stats: Stats) -> None:
        """Everything at once."""
        await self._start(200, _type_of(self.format), [(b"content-length", str(len(body)).encode())], stats)
        await self._send({"type": "http.response.body", "body": b"" if self._request.method == "HEAD" else body})

    async def part(self, piece: bytes) -> None:
        """A piece of a body whose end is not known."""
        if not self.began:
            await self._start(200, _type_of(self.format), [], Stats())
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def error(self, error: NodeError) -> None:
        """Say what went wrong. A body that is out in part gets it at its end and no last chunk: clients see both."""
        text = error.text().encode()
        if not self.began:
            self.encoding = ""
            code = (b"x-clickhouse-exception-code", str(error.code).encode())
            await self._start(error.status, TEXT, [(b"content-length", str(len(text)).encode()), code], Stats())
            await self._send({"type": "http.response.body", "body": b"" if self._request.method == "HEAD" else text})
            return
        if not self.encoding:
            tag = self._tag.encode()
            marked = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (tag, text, len(text), tag)
            await self._send({"type": "http.response.body", "body": marked, "more_body": True})

    async def _start(self, status: int, content_type: str, headers: list[tuple[bytes, bytes]], stats: Stats) -> None:
        self.began = True
        common = {
            "content-type": content_type,
            "x-clickhouse-query-id": self._request.query_id,
            "x-clickhouse-timezone": self._timezone,
            "x-clickhouse-server-display-name": "spanbook",
            "x-clickhouse-summary": _summary(stats if self.counts else Stats(elapsed_ns=stats.elapsed_ns)),
            "x-clickhouse-exception-tag": self._tag,
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        if self.format:
            common["x-clickhouse-format"] = self.format
        if self.encoding:
            common["content-encoding"] = self.encoding
        lines = [(name.encode(), _printable(value).encode("latin-1")) for name, value in common.items()]
        await self._send({"type": "http.response.start", "status": int(status), "headers": lines + headers})


def _summary(stats: Stats) -> str:
    numbers = {
        "read_rows": stats.read_rows,
        "read_bytes": stats.read_bytes,
        "written_rows": stats.written_rows,
        "written_bytes": stats.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": 0,
        "result_bytes": 0,
        "elapsed_ns": stats.elapsed_ns,
    }
    return orjson.dumps({name: str(value) for name, value in numbers.items()}).decode()


def _type_of(fmt: str) -> str:
    return _TYPES.get(fmt) or ("application/octet-stream" if fmt.startswith(_BINARY) else TEXT)


def _printable(value: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in value)
