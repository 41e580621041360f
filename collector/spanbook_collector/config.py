"""The collector's configuration: every setting, with its default and one line of help.

docs/configuration.md is made from this file, and a test fails when they differ.
"""

import dataclasses
import ipaddress
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spanbook_collector.errors import ConfigError
from spanbook_collector.settings import build, option, section
from spanbook_schemas.addresses import without_secret

MiB = 1024 * 1024
LONGEST_NAME = 100  # characters of a forward's name, which is a file's, too


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a server listens; `parse` reads `host:port` and `[v6]:port`."""

    host: str
    port: int

    @classmethod
    def parse(cls, raw: Any) -> "Address":
        if isinstance(raw, cls):
            return raw
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*):(\d{1,5})", str(raw))
        if not match or int(match[2]) > 65535:
            raise ValueError("an address is written `host:port`, for example `127.0.0.1:4317`")
        return cls(match[1].strip("[]") or "0.0.0.0", int(match[2]))

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Forward:
    """An OTLP endpoint that gets a copy of everything: a URL with scheme `grpc`, `http`, or with TLS `grpcs`, `https`.

    In the configuration file it may be a table with `url`, `headers`, `ca_file`, `cert_file`, `key_file`, `max_bytes`.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    max_bytes: int = 1024 * MiB

    @classmethod
    def parse(cls, raw: Any) -> "Forward":
        if isinstance(raw, cls):
            return raw
        table: dict[str, Any] = {"url": raw} if isinstance(raw, str) else dict(raw)
        unknown = set(table) - {field.name for field in dataclasses.fields(cls)}
        if unknown or "url" not in table:
            raise ValueError(
                "a forward is a URL, or a table with `url` and optionally `headers`, TLS files and `max_bytes`"
            )
        parts = urlsplit(str(table["url"]))
        if parts.scheme not in ("grpc", "grpcs", "http", "https") or not parts.hostname:
            raise ValueError("the URL begins with grpc://, grpcs://, http:// or https:// and names a host")
        _ = parts.port  # raises ValueError for what is none
        headers: dict[str, str] = dict(table.pop("headers", {}))
        return cls(**table, headers=tuple(headers.items()))

    @property
    def name(self) -> str:
        """Name its cursor: the URL without anything secret."""
        parts = urlsplit(self.url)
        words = f"{parts.scheme}-{parts.hostname}-{parts.port or ''}{parts.path}".lower()
        return re.sub(r"[^a-z0-9.]+", "-", words)[:LONGEST_NAME].strip("-")


@dataclasses.dataclass(frozen=True)
class Redaction:
    """A rule: blank attributes by name (`names`, globs) or replace a `pattern` in every text."""

    names: tuple[str, ...] = ()
    pattern: str = ""
    replacement: str = "[redacted]"

    @classmethod
    def parse(cls, raw: Any) -> "Redaction":
        if isinstance(raw, cls):
            return raw
        table = {"pattern": raw} if isinstance(raw, str) else dict(raw)
        if set(table) - {"names", "pattern", "replacement"} or not (table.get("names") or table.get("pattern")):
            raise ValueError("a rule has `names` or a `pattern`, and optionally a `replacement`")
        try:
            re.compile(table.get("pattern", ""))
        except re.error as error:
            raise ValueError(f"`{table['pattern']}` is no regular expression: {error}") from error
        return cls(tuple(table.get("names", ())), table.get("pattern", ""), table.get("replacement", "[redacted]"))


@dataclasses.dataclass(frozen=True)
class TlsSettings:
    """Certificates of the OTLP ports (PEM files)."""

    cert_file: str = option("", "certificate chain that the OTLP ports present; empty: no TLS")
    key_file: str = option("", "private key of the certificate")
    client_ca_file: str = option("", "accept only clients with a certificate of this authority (mTLS)")


@dataclasses.dataclass(frozen=True)
class ReceiverSettings:
    """What a client may send."""

    max_request_bytes: int = option(64 * MiB, "largest request, also after decompression")
    max_in_flight_bytes: int = option(96 * MiB, "bodies held in memory at one time, all clients together")
    max_connections: int = option(2048, "open HTTP connections")
    max_connections_per_client: int = option(256, "open HTTP connections of one address")
    max_grpc_calls: int = option(1024, "gRPC calls under way at one time; their connections cannot be limited")
    project_bytes_per_second: int = option(0, "bytes that a project may send on average, decompressed; 0: any number")
    project_items_per_second: int = option(
        0, "spans, log records and data points that a project may send on average; 0: any number"
    )
    body_timeout_seconds: float = option(30.0, "a body must have come within this time")
    body_bytes_per_second: int = option(1024, "an HTTP body that comes slower than this on average is not waited for")
    cors_origins: tuple[str, ...] = option((), "web origins that may send from a browser")
    extra_paths: tuple[str, ...] = option(
        (), "further HTTP paths that take traces, for example `/api/public/otel/v1/traces`"
    )


@dataclasses.dataclass(frozen=True)
class QueueSettings:
    """The durable queue on disk."""

    max_bytes: int = option(2048 * MiB, "bytes that may wait for ClickHouse; past it clients are told to try later")
    min_free_bytes: int = option(256 * MiB, "free disk space below which clients are told to try later")


@dataclasses.dataclass(frozen=True)
class WriterSettings:
    """How batches go to ClickHouse."""

    batch_bytes: int = option(24 * MiB, "a batch is sent when it holds this much …")
    batch_seconds: float = option(0.3, "… or when its first request is this old")
    concurrency: int = option(2, "batches under way at one time; all but the first are full ones")


@dataclasses.dataclass(frozen=True)
class RetentionSettings:
    """How long rows live; old partitions are dropped whole."""

    traces_days: int = option(30, "days that spans and traces are kept")
    logs_days: int = option(30, "days that log records are kept")
    metrics_days: int = option(30, "days that metric points are kept")


@dataclasses.dataclass(frozen=True)
class NodeSettings:
    """The embedded ClickHouse node."""

    max_memory_bytes: int = option(880 * MiB, "memory that the embedded ClickHouse may use")
    allow_hosts: tuple[str, ...] = option((), "further names under which SQL port and page are asked (Host header)")


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that can be set."""

    data: Path = option(Path("spanbook-data"), "directory of the queue, the embedded ClickHouse and the keys")
    store: str = option("", "`clickhouse://user:pass@host:8443/spanbook?secure=true`; empty: the embedded node")
    cluster: str = option("", "name of the ClickHouse cluster to lay the tables out on")
    shards: tuple[str, ...] = option((), "addresses, written as `store`, of one server in each shard of the cluster")
    grpc: Address = option(Address("127.0.0.1", 4317), "where OTLP/gRPC listens")
    http: Address = option(Address("127.0.0.1", 4318), "where OTLP/HTTP listens")
    web: Address = option(Address("127.0.0.1", 4319), "where the web page, health and metrics listen")
    sql: Address = option(Address("127.0.0.1", 8123), "where the embedded node speaks ClickHouse HTTP")
    forward: tuple[Forward, ...] = option((), "OTLP endpoints that get a copy of everything")
    redact: tuple[Redaction, ...] = option((), "what is blanked before anything is stored")
    insecure: bool = option(False, "listen on other addresses than loopback without API keys")
    log_level: str = option("INFO", "level of the log: DEBUG, INFO, WARNING or ERROR")
    tls: TlsSettings = section(TlsSettings)
    receiver: ReceiverSettings = section(ReceiverSettings)
    queue: QueueSettings = section(QueueSettings)
    writer: WriterSettings = section(WriterSettings)
    retention: RetentionSettings = section(RetentionSettings)
    node: NodeSettings = section(NodeSettings)

    @property
    def keys_file(self) -> Path:
        return self.data / "keys.json"

    def quota(self, forward: Forward) -> int:
        """Return the bytes that may wait for a forward: never so many that clients would be refused for its sake."""
        return min(forward.max_bytes, self.queue.max_bytes // 2)

    @property
    def embedded(self) -> bool:
        return not self.store


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None = None) -> Config:
    """Read and check the configuration.

    Raises ConfigError, naming the key, the value and what would be right.
    """
    config = build(Config, flags, environment, _read(file) if file else {})
    _check(config)
    return config


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file `{file}`: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration file `{file}` is not TOML: {error}") from error


def _check(config: Config) -> None:
    for name, address in (("store", config.store), *(("shards", one) for one in config.shards)):
        if address and not _is_store(address):
            raise ConfigError(
                f"`{name}` cannot be `{without_secret(address)}`",
                "write `clickhouse://user:pass@host:8443/spanbook?secure=true`",
            )
    if config.shards and not config.cluster:
        raise ConfigError("`shards` are those of a cluster, and none is named", "set `cluster`, or leave `shards` out")
    if config.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(f"`log_level` cannot be `{config.log_level}`", "DEBUG, INFO, WARNING or ERROR")
    if bool(config.tls.cert_file) != bool(config.tls.key_file):
        raise ConfigError("TLS needs both `tls.cert_file` and `tls.key_file`")
    names = [forward.name for forward in config.forward]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two forwards are both named `{name}`",
                "the name is the URL without its secrets; let a second collector forward to one of them",
            )
    for name in ("batch_bytes", "batch_seconds", "concurrency"):
        if getattr(config.writer, name) <= 0:
            raise ConfigError(f"`writer.{name}` cannot be {getattr(config.writer, name)}", "a positive number")


def _is_store(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("clickhouse", "http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def dump(config: Config) -> str:
    """Write the configuration down for a child process; `restore` reads it."""
    return json.dumps(dataclasses.asdict(config), default=str)


def restore(text: str) -> Config:
    """Read what `dump` wrote."""
    raw = json.loads(text)
    raw["forward"] = [{**forward, "headers": dict(forward["headers"])} for forward in raw["forward"]]
    for name in ("grpc", "http", "web", "sql"):
        raw[name] = str(Address(**raw[name]))
    return build(Config, {}, {}, raw)
