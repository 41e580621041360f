"""What the engine has: its functions, its databases, and our tables as a tenant may see them."""

import asyncio
from dataclasses import dataclass

from . import literals, vocabulary
from .config import NodeConfig
from .engine import Engine

# A materialized view reads its target without the target's filter, so it needs one of its own; one that does not tell
# tenants apart tells them nothing. Plain views read tables, whose filters hold.
_TABLES = """
SELECT database, name, (database, name) IN (SELECT database, table FROM system.columns WHERE name = 'tenant'), engine
FROM system.tables WHERE (database = {database:String} OR startsWith(database, {prefix:String})) AND engine != 'View'
FORMAT TSV"""
_READS_OTHERS = frozenset(("MaterializedView", "Merge", "Distributed", "Buffer", "Dictionary", "Alias"))


@dataclass(frozen=True)
class Schema:
    """Databases and tables as they were when somebody last changed them."""

    foreign_databases: frozenset[str] = frozenset()  # in lower case
    tables: tuple[tuple[str, bool], ...] = ()  # `database.table`, and whether a column tells tenants apart


class Catalog:
    """Knows functions from the start, and databases and tables until the writer changes them."""

    def __init__(self, config: NodeConfig, engine: Engine) -> None:
        self._config, self._engine = config, engine
        self.functions: frozenset[str] = frozenset()  # in lower case, as the next
        self.table_functions: frozenset[str] = frozenset()
        self._schema, self._fresh = Schema(), False
        self._loading = asyncio.Lock()
        self._open = {
            f"system.{table}": _owned(column, config.database)
            for table, column in vocabulary.FILTERED_SYSTEM_TABLES.items()
        }

    async def load(self) -> None:
        """Ask the engine what it can do."""
        self.functions = await self._names("SELECT lower(name) FROM system.functions")
        self.table_functions = await self._names("SELECT lower(name) FROM system.table_functions")

    def changed(self) -> None:
        """The writer changed tables."""
        self._fresh = False

    async def schema(self) -> Schema:
        """Databases and tables as they are now."""
        async with self._loading:
            while not self._fresh:
                self._fresh = True  # a change while it is read makes it stale again
                self._schema = await self._load_schema()
            return self._schema

    def filters(self, schema: Schema, tenant: str | None) -> str:
        """`additional_table_filters` of a reader: rows of our databases, and of one tenant if there is one."""
        filters = self._open
        if tenant is not None:
            mine = f"tenant = {literals.string(tenant)}"
            filters = filters | {table: mine if told_apart else "0" for table, told_apart in schema.tables}
        entries = [f"{literals.string(table)}: {literals.string(rows)}" for table, rows in filters.items()]
        return "{" + ", ".join(entries) + "}"

    async def _load_schema(self) -> Schema:
        params = {"database": self._config.database, "prefix": f"{self._config.database}_"}
        rows = await self._engine.ask(lambda handle: handle.value(_TABLES, params))
        databases = await self._names("SELECT lower(name) FROM system.databases")
        return Schema(
            frozenset(name for name in databases if not self._config.owns(name)),
            tuple(
                (f"{database}.{name}", told == "1")
                for database, name, told, engine in (row.split("\t") for row in rows.splitlines())
                if told == "1" or engine in _READS_OTHERS
            ),
        )

    async def _names(self, sql: str) -> frozenset[str]:
        return frozenset((await self._engine.ask(lambda handle: handle.value(sql, {}))).splitlines())


def _owned(column: str, database: str) -> str:
    return f"{column} = {literals.string(database)} OR startsWith({column}, {literals.string(f'{database}_')})"
