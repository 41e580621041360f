"""What the engine counts of everybody's rows: blank for a reader who sees only their own.

System tables tell sizes of tables. A subquery takes the place of such a table in FROM and JOIN; one that is still in
the tree then, since the text names it in some other way, is refused.
"""

import re
from collections.abc import Callable, Mapping

from . import literals, syntax
from .errors import access_denied

_BYTES = ("data_compressed_bytes", "data_uncompressed_bytes", "marks_bytes")
_OF_TABLES = """
total_rows total_bytes total_bytes_uncompressed parts active_parts total_marks lifetime_rows lifetime_bytes
""".split()  # noqa: SIM905
_OF_SCHEMA = ("table_rows", "data_length", "index_length")

# With the columns that `*` does not name.
_TABLES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "system.tables": (tuple(_OF_TABLES), ", table"),
    "system.columns": (_BYTES, ", column"),
    "system.data_skipping_indices": (_BYTES, ""),
    "information_schema.tables": ((*_OF_SCHEMA, *map(str.upper, _OF_SCHEMA)), ""),
}
_WORDS = frozenset(column for columns, _ in _TABLES.values() for column in columns)
_REFERENCE = re.compile(rf"\b(FROM|JOIN) ({'|'.join(map(re.escape, _TABLES))})(?![.\w])( AS\b)?", re.IGNORECASE)

# A result that says how many rows were read to find it, and limits whose errors do.
SETTINGS = {"output_format_write_statistics": "0", "max_rows_to_read": "0", "max_bytes_to_read": "0"}


def is_counted(table: str) -> bool:
    """Whether a table tells sizes of others."""
    return table.lower() in _TABLES


def asks(condition: str) -> bool:
    """Whether a condition of SHOW TABLES and its like compares a size."""
    return not _WORDS.isdisjoint(re.findall(r"\w+", condition.lower()))


def tells_progress(fmt: str) -> bool:
    """Whether a format reports how many rows were read."""
    return fmt.endswith("WithProgress")


def blanked(sql: str, tree_of: Callable[[str], syntax.Node]) -> str:
    """A canonical statement without the sizes that its tables would tell; raises NodeError 497 where one is hidden."""
    parts, bare, end = list[str](), list[str](), 0
    for found in _REFERENCE.finditer(literals.covered(sql)):
        before = sql[end : found.start(2)]
        table, alias = found[2], found[3] or f" AS {found[2].partition('.')[2]}"
        parts += (before, f"({_blank(table)}){alias}")
        bare += (before, "nothing", found[3] or "")
        end = found.end()
    for node in tree_of("".join(bare) + sql[end:]).walk():
        if node.kind == "TableIdentifier" and is_counted(node.name):
            raise access_denied(f"table `{node.name}` is read here by its plain name, in FROM or JOIN")
    return "".join(parts) + sql[end:]


def _blank(table: str) -> str:
    columns, more = _TABLES[table.lower()]
    if table.lower() != "system.tables" and table.startswith("system."):
        blanks = ", ".join(f"toUInt64(0) AS {column}" for column in columns)
    else:
        blanks = ", ".join(f"CAST(NULL, 'Nullable(UInt64)') AS {column}" for column in columns)
    return f"SELECT * REPLACE ({blanks}){more} FROM {table}"
