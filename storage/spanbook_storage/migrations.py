"""The store's schema: numbered migrations for tables, and views that are made again whenever their text changes.

ClickHouse has no transactions for DDL, so every statement of a migration can be repeated (IF NOT EXISTS) and one is
recorded only when all of it ran. Files are plain single-node SQL; `cluster.rewrite` makes the cluster's from them.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import takewhile

from spanbook_storage.errors import SchemaChanged

_CLICKHOUSE = files("spanbook_schemas") / "clickhouse"
# Comments, strings, quoted names; whatever is left over may hold the semicolon that ends a statement.
_TOKEN = re.compile(r"--[^\n]*|'(?:\\.|''|[^'\\])*'|`(?:\\.|[^`\\])*`|\"(?:\\.|[^\"\\])*\"|;", re.DOTALL)

RECORD_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    name String COMMENT 'File that was applied: a numbered migration, or a view',
    checksum String COMMENT 'SHA-256 of its text',
    applied_at DateTime64(3) DEFAULT now64(3) COMMENT 'When'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY name
COMMENT 'Which files made this schema'
"""


@dataclass(frozen=True)
class Change:
    """One file of DDL: `name` is its path below `clickhouse/`, `statements` what it holds, in order."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def is_view(self) -> bool:
        """Whether it is made again whenever its text changes."""
        return self.name.startswith("views/")

    @property
    def statements(self) -> list[str]:
        """What to run; a view's comment is that of its file, so that what it shows is said once."""
        if not self.is_view:
            return list(split(self.text))
        comment = _first_comment(self.text).replace("\\", "\\\\").replace("'", "''")
        return [f"{statement}\nCOMMENT '{comment}'" for statement in split(self.text)]


def migrations() -> list[Change]:
    """Return the numbered migrations in the order of their numbers."""
    found = _changes("migrations")
    numbers = [change.name.split("/")[1].split("_")[0] for change in found]
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"two migrations have the same number: {numbers}")
    return found


def views() -> list[Change]:
    """Return the views, each after the views that it reads."""
    found = {change.name.removeprefix("views/").removesuffix(".sql"): change for change in _changes("views")}
    words = {name: set(re.findall(r"\w+", _TOKEN.sub("", change.text))) for name, change in found.items()}
    order = TopologicalSorter({name: sorted((words[name] & found.keys()) - {name}) for name in found})
    return [found[name] for name in order.static_order()]


def described_views() -> dict[str, str]:
    """Return the readers' views, each with what it shows: the first comment of its file."""
    found = {
        change.name.removeprefix("views/").removesuffix(".sql"): _first_comment(change.text)
        for change in sorted(views(), key=lambda change: change.name)
    }
    return {name: comment for name, comment in found.items() if "not for readers" not in comment}


def pending(applied: dict[str, str]) -> list[Change]:
    """Return what is still to be done where `applied` (name -> checksum) has been.

    Raises SchemaChanged when an applied migration was edited, or when the store knows one that this program does not.
    """
    tables = migrations()
    for change in tables:
        if applied.get(change.name, change.checksum) != change.checksum:
            raise SchemaChanged(
                f"cannot migrate: `{change.name}` is not what was applied\n"
                "hint: released migrations are never edited; put the change into a new one"
            )
    unknown = sorted(
        name for name in applied if name.startswith("migrations/") and name not in {c.name for c in tables}
    )
    if unknown:
        raise SchemaChanged(
            f"cannot migrate: the store was made by a newer version, which applied `{unknown[-1]}`\n"
            "hint: upgrade spanbook to at least the version that last wrote this store"
        )
    return [change for change in (*tables, *views()) if applied.get(change.name) != change.checksum]


def split(text: str) -> Iterator[str]:
    """Yield the statements of an SQL text, each with the comments before it, without the semicolons."""
    start = 0
    for token in _TOKEN.finditer(text + "\n;"):
        if token.group() == ";":
            part = text[start : token.start()].strip()
            start = token.end()
            if _TOKEN.sub(lambda one: "" if one.group().startswith("--") else one.group(), part).strip():
                yield part


def kept_by(changes: list[Change]) -> dict[str, str]:
    """Return the tables that retention applies to, each with the column whose days it drops whole parts by."""
    tables: dict[str, str] = {}
    for statement in (statement for change in changes for statement in change.statements):
        table = re.search(r"CREATE TABLE IF NOT EXISTS (\w+)", statement)
        column = _partitioned_by(statement)
        if table and column and "ttl_only_drop_parts = 1" in statement:
            tables[table[1]] = column
    return tables


def _partitioned_by(statement: str) -> str:
    """Return the time whose days are a table's partitions, also where the day is a column; nothing for other tables."""
    day = re.search(r"PARTITION BY (\w+)\n", statement)
    found = re.search(
        rf"\b{day[1]} Date MATERIALIZED toDate\((\w+)\)" if day else r"PARTITION BY toDate\((\w+)\)", statement
    )
    return found[1] if found else ""


def _first_comment(text: str) -> str:
    lines = takewhile(lambda line: line.startswith("-- "), text.splitlines())
    return " ".join(line.removeprefix("-- ").strip() for line in lines)


def without_comments(text: str) -> str:
    """Return the SQL without its comments."""
    kept = _TOKEN.sub(lambda token: "" if token.group().startswith("--") else token.group(), text)
    return re.sub(r"\n(?:[ \t]*\n)+", "\n", kept).strip()


def _changes(folder: str) -> list[Change]:
    found: list[Traversable] = [entry for entry in (_CLICKHOUSE / folder).iterdir() if entry.name.endswith(".sql")]
    return [
        Change(f"{folder}/{entry.name}", entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]
