"""What the documentation tells its readers to type works."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from reading.pages import PAGES, ROOT, Block, blocks
from running.collector import Collector
from spanbook_collector.cli.demo import QUERIES

PORTS = {"4317": "grpc", "4318": "http", "4319": "web", "8123": "sql"}


def run_here(block: Block, told: Collector) -> str:
    """The block's text, with the standard ports and the environment of a checkout replaced by this run's."""
    here = re.sub(
        r"(localhost|127\.0\.0\.1):(\d{4})\b",
        lambda found: f"127.0.0.1:{told.ports[PORTS[found[2]]]}" if found[2] in PORTS else found[0],
        block.text,
    )
    here = re.sub(r'(port=|"port": )(8123)', lambda found: f"{found[1]}{told.ports['sql']}", here)
    return here.replace(".venv/bin/", f"{Path(sys.executable).parent}/")


def runnable(*languages: str) -> list[object]:
    return [pytest.param(block, id=block.id) for block in blocks(*languages) if block.run]


@pytest.mark.parametrize("block", runnable("sql"))
def test_a_query_gives_rows(block: Block, told: Collector) -> None:
    assert told.query(block.text.strip().removesuffix(";"))


@pytest.mark.parametrize("block", runnable("python"))
def test_a_program_runs(block: Block, told: Collector, surroundings: Mapping[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", run_here(block, told)]
    done = subprocess.run(
        command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Failed to export" not in done.stderr


@pytest.mark.parametrize("block", runnable("bash"))
def test_commands_run(block: Block, told: Collector, surroundings: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    command = ["bash", "-euo", "pipefail", "-c", run_here(block, told)]
    done = subprocess.run(
        command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^(error|Code): ", done.stdout + done.stderr, re.MULTILINE)


@pytest.mark.parametrize("block", [pytest.param(one, id=one.id) for one in blocks("json", "yaml", "toml")])
def test_what_is_to_be_copied_into_a_file_can_be_read(block: Block) -> None:
    readers = {"json": json.loads, "yaml": yaml.safe_load, "toml": tomllib.loads}
    assert readers[block.language](block.text)


def test_the_first_program_of_the_readme_is_in_the_book(told: Collector) -> None:
    """`test_a_program_runs` has run it."""
    query = "SELECT count() FROM llm_calls WHERE input_messages LIKE '%What is a span?%' AND status = 'OK'"
    told.wait_until(lambda: told.value(query) >= 1, "the README's call stored")


def test_the_examples_are_in_the_book(told: Collector) -> None:
    """`test_commands_run` has run them."""
    calls = "SELECT count() FROM llm_calls JOIN spans USING (span_id) WHERE service_name = 'weather-agent'"
    told.wait_until(lambda: told.value(calls) >= 2, "the agent's calls stored")
    judged = "SELECT kind, name FROM assessments WHERE trace_id = '4bf92f3577b34da6a3ce929d0e0e4736' ORDER BY ALL"
    expected = [["expectation", "expected_response"], ["feedback", "groundedness"], ["feedback", "thumb"]]
    told.wait_until(lambda: told.query(judged) == expected, "what was thought of it stored")


@pytest.mark.parametrize("query", [pytest.param(query, id=what) for what, query in QUERIES])
def test_a_query_that_the_demo_suggests_gives_rows(query: str, told: Collector) -> None:
    assert told.query(query)


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
