"""The parts of the documentation that come from the code are those of this code."""

import subprocess
import sys

from reading.pages import ROOT
from running.collector import Collector


def generate(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_settings_views_and_columns_are_documented_as_they_are() -> None:
    assert generate("--check").returncode == 0, "run `make docs`"


def test_every_column_that_a_reader_sees_is_documented(told: Collector) -> None:
    page = (ROOT / "docs" / "sql.md").read_text()
    sections = dict(part.split("`\n", 1) for part in page.split("\n### `")[1:])
    query = (
        "SELECT table, name FROM system.columns WHERE database = 'spanbook' AND table IN {views:Array(String)} "
        "ORDER BY table, position"
    )
    columns = told.query(query, views=str(list(sections)))
    assert {table for table, _ in columns} == set(sections) - {"trace_spans", "calls_with_word"}
    assert [f"{table}.{name}" for table, name in columns if f"| `{name}` |" not in sections[table]] == []
