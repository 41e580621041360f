"""What the page shows: gathered anew for each request from the queue's files and from ClickHouse."""

import asyncio
import dataclasses
from collections.abc import Mapping
from datetime import datetime

from spanbook_collector.config import Config
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.queue import QueueReader, inspect
from spanbook_schemas.addresses import without_secret
from spanbook_storage.errors import StoreError
from spanbook_storage.store import Store

PATIENCE = 3.0  # seconds the page waits for ClickHouse

QUERIES = (
    "SELECT name, duration_ms, input_tokens, cost_usd, status FROM traces ORDER BY start_time DESC LIMIT 10",
    "SELECT request_model, count(), sum(output_tokens), sum(cost_usd) FROM llm_calls GROUP BY request_model",
    "SELECT name, avg(score), count() FROM feedback GROUP BY name",
)


@dataclasses.dataclass(frozen=True)
class Waiting:
    """An exporter and what it has not sent yet."""

    name: str
    records: int
    age: str
    dropped: int


@dataclasses.dataclass(frozen=True)
class Newest:
    """The trace that began last."""

    trace_id: str
    name: str
    start_time: str


@dataclasses.dataclass(frozen=True)
class Status:
    """Everything on the page; `counts` is None while ClickHouse does not answer."""

    ready: bool
    reason: str
    listening: tuple[tuple[str, str], ...]
    endpoint: str
    counts: tuple[tuple[str, int], ...] | None
    newest: Newest | None
    queue_bytes: str
    exporters: tuple[Waiting, ...]
    dead_letters: int
    queries: tuple[str, ...] = QUERIES


class Observer:
    """Gathers a Status: from the readers' cursors, the dead letters, and (not for long) from ClickHouse."""

    def __init__(self, config: Config, readers: Mapping[str, QueueReader], dead_letters: DeadLetters) -> None:
        self._config, self._readers, self._dead_letters = config, readers, dead_letters
        self.store: Store | None = None  # until it could be opened

    async def ready(self) -> str:
        """Return why ClickHouse cannot be asked now; nothing when it answers."""
        if self.store is None:
            return "ClickHouse is not ready yet"
        try:
            async with asyncio.timeout(PATIENCE):
                await self.store.query("SELECT 1")
        except (StoreError, TimeoutError) as error:
            return f"ClickHouse does not answer ({type(error).__name__})"
        return ""

    async def status(self, tenant: str | None) -> Status:
        """Return what the page shows to somebody of a tenant; None sees everything."""
        reason = await self.ready()
        counts, newest = (None, None) if reason else await self._book(tenant)
        config = self._config
        return Status(
            ready=not reason,
            reason=reason,
            listening=(
                ("OTLP/gRPC", str(config.grpc)),
                ("OTLP/HTTP", f"{self._scheme}://{config.http}"),
                ("SQL", f"http://{config.sql}" if config.embedded else without_secret(config.store)),
                ("this page", f"http://{config.web}"),
            ),
            endpoint=f"{self._scheme}://{config.http}",
            counts=counts,
            newest=newest,
            queue_bytes=_size(inspect(config.data / "queue").bytes),
            exporters=tuple(self._waiting(name, reader) for name, reader in self._readers.items()),
            dead_letters=self._dead_letters.count(),
        )

    @property
    def _scheme(self) -> str:
        return "https" if self._config.tls.cert_file else "http"

    async def _book(self, tenant: str | None) -> tuple[tuple[tuple[str, int], ...] | None, Newest | None]:
        assert self.store is not None
        parameters = {"tenant": tenant or "", "everybody": int(tenant is None)}
        try:
            async with asyncio.timeout(PATIENCE):
                counts = await self.store.query("count_book", parameters)
                newest = await self.store.query("newest_trace", parameters)
        except (StoreError, TimeoutError):
            return None, None
        found = [Newest(str(row[0]), str(row[1]), _moment(row[2])) for row in newest]
        return tuple((str(name), int(count)) for name, count in counts), found[0] if found else None

    def _waiting(self, name: str, reader: QueueReader) -> Waiting:
        lag = reader.lag()
        return Waiting(name, lag.records, _age(lag.oldest_age), reader.cursor.dropped_records)


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"
