"""Imports go one way: schemas <- instrumentation; schemas <- storage <- collector."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "schemas/spanbook_schemas": {"spanbook_schemas"},
    "instrumentation/spanbook": {"spanbook", "spanbook_schemas"},
    "storage/spanbook_storage": {"spanbook_storage", "spanbook_schemas"},
    "collector/spanbook_collector": {"spanbook_collector", "spanbook_storage", "spanbook_schemas"},
}
# `spanbook run` starts an application with the application side in it.
EXCEPTIONS = {("collector/spanbook_collector/cli/run.py", "spanbook")}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    ours = {name for names in MAY_IMPORT.values() for name in names}
    wrong = {
        (str(file.relative_to(ROOT)), name)
        for file in (ROOT / package).rglob("*.py")
        for name in _imported(file)
        if name in ours - MAY_IMPORT[package]
    }
    assert wrong - EXCEPTIONS == set()


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_importing_the_app_side_loads_no_server() -> None:
    program = (
        "import spanbook, sys; spanbook.openai, spanbook.anthropic\n"
        "heavy = 'spanbook_collector spanbook_storage chdb clickhouse_connect uvicorn grpc orjson'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["spanbook_collector.receiver", "spanbook_collector.writer"])
def test_the_processes_that_must_stay_small_load_no_engine(module: str) -> None:
    program = f"import {module}, sys; print([n for n in ('chdb', 'pandas', 'numpy', 'pyarrow') if n in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
