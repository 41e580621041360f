"""What `spanbook check` looks at: ports, versions, store, queue, dead letters, disk and clock.

Every finding says what is, how bad that is, and what to do; nothing is changed by looking.
"""

import asyncio
import dataclasses
import enum
import os
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import PackageNotFoundError, version

from spanbook_collector.config import Address, Config
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.queue import QueueError, inspect
from spanbook_schemas.addresses import without_secret
from spanbook_storage.errors import StoreError, unquoted
from spanbook_storage.store import open_store

OLD_SECONDS = 60.0  # a request that waits longer than this waits for a reason
CLOCK_SECONDS = 5.0  # difference between clocks that spoils nothing yet
ANSWER_SECONDS = 5.0


class Level(enum.Enum):
    """How a finding is meant; the value is how it is written."""

    OK = "ok"
    WARNING = "warn"
    PROBLEM = "FAIL"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    detail: str
    hint: str = ""


async def findings(config: Config, store: str) -> AsyncIterator[Finding]:
    """Look at everything, one thing after the other; `store` is where readers find ClickHouse."""
    yield _versions()
    for what, address in (("OTLP/gRPC", config.grpc), ("OTLP/HTTP", config.http), ("web page", config.web)):
        yield _port(what, address)
    for dsn in (store, *config.shards):
        async for finding in _store(dsn):
            yield finding
    for finding in (*_queue(config), *_dead_letters(config), _disk(config)):
        yield finding


def _versions() -> Finding:
    found = [f"Python {sys.version.split()[0]}"]
    for package in ("spanbook", "chdb", "clickhouse-connect", "grpcio", "opentelemetry-sdk"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return Finding(Level.OK, "versions", ", ".join(found))


def _port(what: str, address: Address) -> Finding:
    host = "127.0.0.1" if address.host == "0.0.0.0" else address.host
    try:
        with socket.create_connection((host, address.port), ANSWER_SECONDS):
            return Finding(Level.OK, what, f"something listens at {address}")
    except OSError as error:
        return Finding(
            Level.PROBLEM, what, f"nothing listens at {address}: {error.strerror or error}", "start `spanbook serve`"
        )


async def _store(dsn: str) -> AsyncIterator[Finding]:
    where = without_secret(dsn)
    try:
        store = await asyncio.wait_for(open_store(dsn), ANSWER_SECONDS)
    except (StoreError, TimeoutError) as error:
        text = str(error).split("\n")[0] or f"no answer within {ANSWER_SECONDS:.0f} s"
        yield Finding(Level.PROBLEM, "store", f"{where}: {text}", "start it, or name it with --store")
        return
    try:
        began = time.time()
        rows = await store.query("SELECT toUnixTimestamp64Milli(now64(3))")
        yield Finding(Level.OK, "store", f"{where}: ClickHouse {store.version()}")
        yield _clock(rows[0][0] / 1000 - (began + time.time()) / 2)
        count = (await store.query("SELECT count() FROM otel_traces"))[0][0]
        yield Finding(Level.OK, "book", f"{count:,} spans")
    except StoreError as error:
        yield Finding(
            Level.PROBLEM, "book", str(error).split("\n")[0][:200], "`spanbook schema apply` makes the tables"
        )
    finally:
        await store.close()


def _clock(ahead: float) -> Finding:
    if abs(ahead) < CLOCK_SECONDS:
        return Finding(Level.OK, "clock", f"ClickHouse's and this machine's differ by {abs(ahead):.2f} s")
    return Finding(
        Level.WARNING, "clock", f"ClickHouse's clock is {ahead:+.1f} s off this machine's", "let both follow NTP"
    )


def _queue(config: Config) -> Iterator[Finding]:
    directory = config.data / "queue"
    if not directory.exists():
        yield Finding(Level.OK, "queue", f"none yet in {directory}")
        return
    try:
        state = inspect(directory)
    except (QueueError, OSError) as error:
        yield Finding(
            Level.PROBLEM, "queue", str(error).split("\n")[0], "a newer Spanbook wrote it, or it cannot be read"
        )
        return
    yield Finding(Level.OK, "queue", f"{state.bytes / 2**20:,.0f} MiB on disk in {state.segments} segments")
    for name, reader in state.readers.items():
        late = reader.lag.oldest_age > OLD_SECONDS
        yield Finding(
            Level.WARNING if late else Level.OK,
            name,
            f"{reader.lag.records:,} requests wait, the oldest for {reader.lag.oldest_age:,.0f} s",
            "its destination is away, or slower than what comes in" if late else "",
        )
        if reader.dropped_records:
            yield Finding(Level.WARNING, name, f"{reader.dropped_records:,} requests were dropped over its quota")
    if state.damaged:
        folder = directory / "damaged"
        yield Finding(
            Level.WARNING, "damage", f"{len(state.damaged)} stretches could not be read", f"they are kept in {folder}"
        )


def _dead_letters(config: Config) -> Iterator[Finding]:
    mine = DeadLetters(config.data / "dead-letters")
    for letters in (mine, *(mine.of(forward.name) for forward in config.forward)):
        if count := letters.count():
            newest = list(letters.all())[-1]
            yield Finding(
                Level.WARNING,
                "dead letters",
                f"{count:,} in {letters.folder}, the newest: {unquoted((newest.reason.splitlines() or [''])[0])}",
                "`spanbook replay` sends them again",
            )


def _disk(config: Config) -> Finding:
    place = config.data if config.data.exists() else config.data.absolute().parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    detail = f"{free / 2**30:,.1f} GiB free in {place}"
    if not writable:
        return Finding(Level.PROBLEM, "disk", f"{place} cannot be written", "give `--data` a directory of your own")
    if free < 2 * config.queue.min_free_bytes:
        return Finding(Level.WARNING, "disk", detail, "below `queue.min_free_bytes` clients are told to try later")
    return Finding(Level.OK, "disk", detail)
