"""`spanbook sql`: asks ClickHouse, and shows the answer as a table that fits the terminal, or in any of its formats."""

import argparse
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanbook_collector.errors import SpanbookError
from spanbook_schemas.addresses import without_secret
from spanbook_storage.migrations import described_views

DEFAULT_STORE = "clickhouse://127.0.0.1:8123/spanbook"
FORMATS = {
    "json": "JSON",
    "jsonl": "JSONEachRow",
    "csv": "CSVWithNames",
    "tsv": "TabSeparatedWithNames",
    "vertical": "Vertical",
    "markdown": "Markdown",
    "parquet": "Parquet",
    "arrow": "Arrow",
}
TABLE_ROWS = 1000


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="?", help="the question; read from standard input when absent")
    parser.add_argument(
        "--format",
        help=f"table, {', '.join(FORMATS)}, or any ClickHouse format (default: table on a terminal, else tsv)",
    )
    parser.add_argument(
        "--store", default=os.environ.get("SPANBOOK_STORE") or DEFAULT_STORE, help="(default: %(default)s)"
    )
    parser.add_argument("--key", default=os.environ.get("SPANBOOK_KEY", ""), help="API key with the scope `read`")
    views = "\n".join(_paragraph(name, comment) for name, comment in described_views().items())
    parser.epilog = f"views:\n{views}\n\n`spanbook sql 'DESCRIBE traces'` shows a view's columns."


def run(options: argparse.Namespace) -> int:
    query = (options.query if options.query is not None else sys.stdin.read()).strip().rstrip(";")
    if not query:
        raise SpanbookError("the query is empty", "spanbook sql 'SELECT name, status FROM traces'")
    wanted = options.format or ("table" if sys.stdout.isatty() else "tsv")
    client = connect(options.store, options.key)
    try:
        if wanted == "table":
            _show_table(client, query)
        else:
            _copy(client, query, FORMATS.get(wanted.lower(), wanted), sys.stdout.buffer)
    except ClickHouseError as error:
        raise SpanbookError(_message(error), _hint(error, query)) from error
    finally:
        client.close()
    return 0


def ask(client: Client, query: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
    """Return the rows of a query. Raises SpanbookError."""
    try:
        return client.query(query, parameters=parameters).result_rows
    except ClickHouseError as error:
        raise SpanbookError(_message(error), _hint(error)) from error


def connect(store: str, key: str) -> Client:
    """Connect to the store as a reader. Raises SpanbookError."""
    credentials: dict[str, Any] = {"username": "default", "password": key} if key else {}
    try:
        return clickhouse_connect.get_client(dsn=store, autogenerate_session_id=False, **credentials)
    except OperationalError as error:
        raise SpanbookError(
            f"cannot reach ClickHouse at `{without_secret(store)}`",
            "start it with `spanbook serve`, or name it with --store",
        ) from error
    except ClickHouseError as error:
        raise SpanbookError(_message(error), _hint(error)) from error


def _copy(client: Client, query: str, output_format: str, out: BinaryIO) -> None:
    with client.raw_stream(query, fmt=output_format) as source:
        stream: Any = source
        for chunk in iter(lambda: stream.read(65536), b""):
            out.write(chunk)
    out.flush()


def _show_table(client: Client, query: str) -> None:
    with client.raw_stream(query, fmt="JSONCompactEachRowWithNamesAndTypes") as stream:
        rows = (json.loads(line) for line in _lines(stream) if line.strip())
        names: list[str] = next(rows, [])
        types: list[str] = next(rows, [])
        table, more = _table(names, types, rows)
    console = Console()
    console.print(table)
    if more:
        console.print(f"(the first {TABLE_ROWS} rows; `--format csv` gives all)")


def _table(names: list[str], types: list[str], rows: Iterable[list[Any]]) -> tuple[Table, bool]:
    table = Table(show_edge=False, header_style="bold", pad_edge=False)
    for name, kind in zip(names, types, strict=True):
        numeric = any(word in kind for word in ("Int", "Float", "Decimal"))
        table.add_column(Text(name), justify="right" if numeric else "left", no_wrap=True, overflow="ellipsis")
    for count, row in enumerate(rows):
        if count == TABLE_ROWS:
            return table, True
        table.add_row(*(Text(_cell(value)) for value in row))
    return table, False


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A terminal must not be steered by what a prompt contains.
    return "".join(one if one.isprintable() else " " for one in text[:2000])


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in iter(lambda: stream.read(65536), b""):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    yield rest


def _paragraph(name: str, comment: str) -> str:
    width = shutil.get_terminal_size().columns - 2
    return textwrap.fill(comment, width, initial_indent=f"  {name:<24} ", subsequent_indent=" " * 27)


def _message(error: ClickHouseError) -> str:
    text = str(error)
    start = text.find("DB::Exception: ")
    said = text[start + len("DB::Exception: ") :] if start >= 0 else text
    return said.split(" (version ")[0].strip().split("\n")[0][:600]


def _hint(error: ClickHouseError, query: str = "") -> str:
    text = str(error)
    if "UNKNOWN_TABLE" in text:
        return "`spanbook sql --help` lists the views"
    if "UNKNOWN_IDENTIFIER" in text:
        return "`spanbook sql 'DESCRIBE <view>'` lists the columns"
    if "SYNTAX_ERROR" in text and re.search(r"\bFORMAT\s+\w+$", query, re.IGNORECASE):
        return "leave FORMAT out of the query and use --format"
    return ""
