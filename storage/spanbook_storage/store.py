"""The store: ClickHouse over HTTP, embedded or a real server, through clickhouse-connect's asyncio client.

Spans are never rows in Python: `insert` hands ClickHouse the OTLP bytes, and views behind the landing tables do the
rest.
"""

import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.query import QueryResult

from spanbook_schemas.addresses import without_secret
from spanbook_schemas.signals import Signal
from spanbook_storage import migrations
from spanbook_storage.cluster import own_shard, sharded, statements
from spanbook_storage.errors import Misconfigured, Retryable, StoreError, from_code
from spanbook_storage.migrations import Change
from spanbook_storage.prices import PRICE_LIST, load_prices, price_list_version

OLDEST_VERSION = (26, 3)
CONNECT_SECONDS = 5
ANSWER_SECONDS = 60  # a network that swallows bytes is found out by then; the token makes trying again safe
_MESSAGES = {Signal.TRACES: "ResourceSpans", Signal.LOGS: "ResourceLogs", Signal.METRICS: "ResourceMetrics"}
# A span moves to within 91 days of its receipt, but what came on many days may be written at once, when ClickHouse was
# away or a price has changed. The default limit, 100 partitions, would refuse that for ever.
_PARTITIONS = {"max_partitions_per_insert_block": 0}
# How spans, logs and metrics are inserted, wherever they come from.
INSERT_SETTINGS = {
    **_PARTITIONS,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # The answer means stored, and one insert is one block: a token covers blocks by their place in the insert.
    "async_insert": 0,
    "distributed_foreground_insert": 1,
    "max_insert_block_size": 1_000_000,
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 1024**3,
    # Duplicates inside a block are left to merges: looking for them here costs as much as writing the block.
    "optimize_on_insert": 0,
    # Merges build these: on insert they would cost as much again as mapping the spans.
    "exclude_materialize_skip_indexes_on_insert": "idx_input_messages,idx_output_messages",
    # Views behind an insert read its block, where no plan is better than another; looking for one costs 50 ms CPU.
    "query_plan_enable_optimizations": 0,
}
# A delete is done when this replica has done it: the default waits for all, and is an error while one is away.
_SHARD_SETTINGS = {"lightweight_deletes_sync": 1}
_QUERY_NAME = re.compile(r"[a-z0-9_]+")


class Store:
    """A connection to the database that holds the book, or to one shard's part of it; made by `open_store`.

    On a shard, statements that are named and rows that are inserted are for the shard's own tables.
    """

    def __init__(self, client: AsyncClient, database: str, *, shard: bool = False, shards: Sequence[str] = ()) -> None:
        self.shard = shard
        self.shards = shards
        self._client = client
        self._database = database
        self._proto = _compact(files("spanbook_schemas").joinpath("otlp.proto").read_text(encoding="utf-8"))

    async def insert(self, signal: Signal, pieces: list[bytes], token: str) -> None:
        """Store stamped OTLP requests; the same `token` again stores nothing twice.

        Takes the pieces out of the list as they are sent, so that nobody holds them while they are stored.
        Raises Retryable, Poison or Misconfigured.
        """
        settings = {
            "format_schema_source": "string",
            "format_schema": self._proto,
            "format_schema_message_name": _MESSAGES[signal],
            "insert_deduplication_token": token,
            **INSERT_SETTINGS,
        }
        await self._try(
            self._client.raw_insert(
                f"landing_{signal}",
                insert_block=_envelope(pieces),
                fmt="ProtobufList",
                settings=settings,
                compression=None,
            )
        )

    async def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """Return the rows of a query: SQL, or the name of a file in `clickhouse/queries`."""
        text = _statement(sql, shard=self.shard)
        result: QueryResult = await self._try(self._client.query(text, parameters=dict(parameters or {})))
        return result.result_rows

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that gives no rows, DDL or INSERT ... SELECT: SQL, or the name of a file as in `query`."""
        text = _statement(sql, shard=self.shard)
        await self._try(self._client.command(text, parameters=dict(parameters or {}), settings=dict(_PARTITIONS)))

    async def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store a few rows of a table that no event fills; what a row leaves out has its default."""
        block = b"\n".join(json.dumps(row).encode() for row in rows)
        # A token of its own: by content, rows that failed half-way would be taken for stored at the next try.
        settings = {"async_insert": 0, "insert_deduplication_token": uuid.uuid4().hex}
        await self._try(
            self._client.raw_insert(self.table(table), insert_block=block, fmt="JSONEachRow", settings=settings)
        )

    def table(self, name: str) -> str:
        """Return the name of a table as a statement has to spell it here."""
        return own_shard(name) if self.shard else name

    def version(self) -> str:
        """Return the server's version, for example `26.9.2.1`."""
        return str(self._client.server_version)

    async def plan(self) -> list[Change]:
        """Return what `migrate` would apply, without changing anything; raises SchemaChanged."""
        return migrations.pending(await self._applied())

    async def migrate(self, cluster: str = "") -> list[Change]:
        """Bring the schema to this program's, on every node of `cluster` if one is named; returns what was applied.

        Prices that this program ships go with the schema. Raises SchemaChanged.
        """
        # Not asked of a cluster at every start: DDL waits for all its servers, and one may be away.
        if not await self._is_begun():
            for statement in statements(Change("", f"CREATE DATABASE IF NOT EXISTS `{self._database}`"), cluster):
                await self._try(self._client.command(statement, use_database=False))
            for statement in statements(Change("", migrations.RECORD_TABLE), cluster):
                await self.command(statement)
        changes = await self.plan()
        made = {}
        for change in changes:
            for statement in statements(change, cluster):
                await self.command(statement)
            if change.is_view:  # made again for nothing when a later one fails: a record costs as much as a view
                made[change.name] = change.checksum
            else:
                await self._record({change.name: change.checksum})
        if (await self._applied()).get(PRICE_LIST) != price_list_version():
            await load_prices(self)
            made[PRICE_LIST] = price_list_version()
        if made:
            await self._record(made)
        return changes

    async def keep_for(self, *, traces_days: int, logs_days: int, metrics_days: int, cluster: str = "") -> None:
        """Let rows go after so many days, whole days at a time; what is derived from spans goes with them."""
        tables = migrations.migrations()
        local = sharded(tables) if cluster else {}
        where = f" ON CLUSTER '{cluster}'" if cluster else ""
        known = "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}"
        created = {str(name): str(ddl) for name, ddl in await self.query(known, {"database": self._database})}
        for table, column in migrations.kept_by(tables).items():
            days = logs_days if table == "otel_logs" else metrics_days if "metrics" in table else traces_days
            name = f"{table}_local" if table in local else table
            ttl = f"toDateTime({column}) + toIntervalDay({days})"
            # Repeating it would start a mutation over every part; what it starts here only reads the parts' times.
            if f"TTL {ttl}" not in created.get(name, ""):
                await self.command(f"ALTER TABLE {name}{where} MODIFY SETTING materialize_ttl_recalculate_only = 1")
                await self.command(f"ALTER TABLE {name}{where} MODIFY TTL {ttl}")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _is_begun(self) -> bool:
        """Return whether there is a record of what was applied; there may be no database yet."""
        known = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'"
        parameters = {"database": self._database}
        return bool(await self._try(self._client.command(known, parameters=parameters, use_database=False)))

    async def _applied(self) -> dict[str, str]:
        if not await self._is_begun():
            return {}
        rows = await self.query("SELECT name, checksum FROM schema_migrations FINAL")
        return {str(name): str(checksum) for name, checksum in rows}

    async def _record(self, applied: Mapping[str, str]) -> None:
        insert = """INSERT INTO schema_migrations (name, checksum) SELECT name, checksum FROM numbers(1)
            ARRAY JOIN {names:Array(String)} AS name, {checksums:Array(String)} AS checksum"""
        await self.command(insert, {"names": list(applied), "checksums": list(applied.values())})

    async def _try(self, call: Any) -> Any:
        try:
            return await call
        except ClickHouseError as error:
            raise from_code(getattr(error, "code", None), str(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Retryable(
                f"cannot reach ClickHouse at `{self._client.uri}`: {error or type(error).__name__}"
            ) from error


async def open_store(dsn: str, *, shard: bool = False, shards: Sequence[str] = ()) -> Store:
    """Connect to `clickhouse://user:password@host:port/database?secure=true`.

    On a cluster `shards` are addresses of a server in each; with `shard` this is one of them.

    Raises Retryable when nothing answers there, Misconfigured when it is too old or refuses us.
    """
    parts = urlsplit(dsn)
    if parts.scheme not in ("clickhouse", "clickhouses", "http", "https") or not parts.hostname:
        raise Misconfigured(
            f"cannot read the store's address `{without_secret(dsn)}`\n"
            "hint: write clickhouse://user:password@host:8443/spanbook?secure=true"
        )
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    secure = options.pop("secure", str(parts.scheme in ("clickhouses", "https"))).lower() in ("1", "true", "yes")
    database = unquote(parts.path.strip("/")) or "spanbook"
    try:
        client = await clickhouse_connect.get_async_client(
            host=parts.hostname,
            port=parts.port or (8443 if secure else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            # None: the database may not be there before the first migration.
            database=None,
            autogenerate_session_id=False,
            compress=False,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            settings=dict(_SHARD_SETTINGS) if shard else None,
            generic_args=options,
        )
    except ClickHouseError as error:
        raise _cannot_open(dsn, from_code(getattr(error, "code", None), str(error))) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise _cannot_open(dsn, Retryable(str(error) or type(error).__name__)) from error
    client.database = database
    version = tuple(int(part) for part in re.findall(r"\d+", str(client.server_version))[:2])
    if version < OLDEST_VERSION:
        await client.close()
        raise Misconfigured(
            f"cannot use ClickHouse {client.server_version}: no text index, or no schema from a setting\n"
            "hint: use ClickHouse 26.3 or newer, or leave `--store` out for the embedded one"
        )
    return Store(client, database, shard=shard, shards=shards)


def _cannot_open(dsn: str, error: StoreError) -> StoreError:
    where = without_secret(dsn)
    return type(error)(
        f"cannot open the store `{where}`: {error}\nhint: `--store` names a ClickHouse HTTP port, 8123 or 8443",
        error.code,
    )


@lru_cache(maxsize=256)
def _statement(sql: str, *, shard: bool) -> str:
    """Return the SQL of a named statement, for the tables of a `shard` or all; anything else is SQL already."""
    if not _QUERY_NAME.fullmatch(sql):
        return sql
    text = (files("spanbook_schemas") / "clickhouse" / "queries" / f"{sql}.sql").read_text(encoding="utf-8")
    text = text.strip().removesuffix(";")
    return own_shard(text) if shard else text


def _compact(proto: str) -> str:
    """Drop comments and indentation: the schema travels with every insert."""
    return re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", proto)).strip()


async def _envelope(pieces: list[bytes]) -> AsyncIterator[bytes]:
    """Give the one message that ClickHouse reads, without ever holding it in one piece; empties `pieces`."""
    yield _varint(sum(map(len, pieces)))
    pieces.reverse()
    while pieces:
        yield pieces.pop()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
