"""The command line against a running collector, as a person types it."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from running.collector import Collector, node_with_schema
from spanbook_storage.migrations import described_views
from spanbook_storage.node.process import NodeProcess


def spanbook(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanbook_collector", *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)


def test_the_demo_s_rows_can_be_read_when_it_ends(told: Collector) -> None:
    columns = "name, duration_ms, input_tokens, cost_usd, status"
    rows = told.query(f"SELECT {columns} FROM traces WHERE llm_call_count > 0 AND service_name = 'support-bot'")
    assert len(rows) >= 25
    assert all(cost > 0 and tokens > 0 for _, _, tokens, cost, _ in rows)
    assert {status for *_, status in rows} == {"OK", "ERROR"}


def test_sql_prints_any_format_and_reads_standard_input(told: Collector) -> None:
    answer = spanbook("sql", "--store", told.store, "--format", "jsonl", stdin="SELECT count() AS n FROM traces;\n")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["n"]


def test_sql_shows_a_table_that_fits(told: Collector) -> None:
    answer = spanbook("sql", "--store", told.store, "--format", "table", "SELECT * FROM llm_calls")
    assert answer.returncode == 0, answer.stderr
    assert max(map(len, answer.stdout.splitlines())) <= 80


def test_on_a_terminal_an_answer_is_a_table_and_elsewhere_it_is_tabs(told: Collector) -> None:
    query = "SELECT 'OK' AS status, 7 AS spans"
    assert spanbook("sql", "--store", told.store, query).stdout == "status\tspans\nOK\t7\n"
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "spanbook_collector", "sql", "--store", told.store, query]
    assert subprocess.run(command, stdout=terminal, timeout=60, check=False).returncode == 0
    os.close(terminal)
    shown = os.read(screen, 10_000).decode()
    os.close(screen)
    assert "━" in shown
    assert "│" in shown


def test_who_stops_reading_an_answer_is_told_nothing(told: Collector) -> None:
    command = [sys.executable, "-m", "spanbook_collector", "sql", "--store", told.store]
    with subprocess.Popen(
        [*command, "SELECT number FROM numbers(3000000)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"number\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_sql_s_help_lists_the_views_and_what_they_show() -> None:
    text = " ".join(spanbook("sql", "--help").stdout.split())
    for view, comment in described_views().items():
        assert f"{view} {' '.join(comment.split())}" in text


def test_the_schema_is_printed_for_a_server_and_for_a_cluster() -> None:
    assert "CREATE TABLE IF NOT EXISTS otel_traces\n" in spanbook("schema", "show").stdout
    of_a_cluster = spanbook("schema", "show", "--cluster", "book").stdout
    assert "CREATE TABLE IF NOT EXISTS otel_traces_local ON CLUSTER 'book'\n" in of_a_cluster
    assert "ENGINE = Distributed('book'" in of_a_cluster


def test_a_schema_is_brought_up_to_date_once_and_it_is_said_before(tmp_path: Path) -> None:
    shutil.copytree(node_with_schema(), tmp_path / "node", symlinks=True)
    with NodeProcess(tmp_path / "node") as node:
        with node.client(database="spanbook") as client:
            client.command("DROP VIEW usage_hourly")
            client.command("INSERT INTO schema_migrations (name, checksum) VALUES ('views/usage_hourly.sql', 'older')")
        said, applied, again = (
            spanbook("schema", "apply", f"--store={node.dsn}", *options) for options in (["--dry-run"], [], [])
        )
        assert said.stdout == "would apply views/usage_hourly.sql\n", said.stderr
        assert applied.stdout == "applied views/usage_hourly.sql\n", applied.stderr
        assert again.stdout == "the schema is up to date\n"
        with node.client(database="spanbook") as client:
            assert client.query("SELECT count() FROM usage_hourly").first_row == (0,)
    gone = spanbook("schema", "apply", f"--store={node.dsn}")
    assert gone.returncode == 1
    assert node.secret not in gone.stderr
    assert "hint: " in gone.stderr


def test_a_wrong_question_gets_a_hint_and_exit_code_1(told: Collector) -> None:
    answer = spanbook("sql", "--store", told.store, "SELECT 1 FROM nowhere")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.splitlines()[0].startswith("error: Unknown table")
    assert "hint: `spanbook sql --help` lists the views" in answer.stderr


def test_a_store_that_is_not_there_is_named() -> None:
    answer = spanbook("sql", "--store", "clickhouse://127.0.0.1:1/spanbook", "SELECT 1")
    assert answer.returncode == 1
    assert "cannot reach ClickHouse at `clickhouse://127.0.0.1:1/spanbook`" in answer.stderr


def test_check_finds_nothing_wrong_with_a_healthy_collector(told: Collector) -> None:
    options = [f"--{name}=127.0.0.1:{port}" for name, port in told.ports.items()]
    answer = spanbook("check", f"--data={told.data}", *options)
    assert answer.returncode == 0, answer.stdout
    assert "FAIL" not in answer.stdout


def test_check_says_what_does_not_listen() -> None:
    answer = spanbook("check", "--grpc=127.0.0.1:1", "--http=127.0.0.1:1", "--web=127.0.0.1:1", "--sql=127.0.0.1:1")
    assert answer.returncode == 1
    assert "nothing listens at 127.0.0.1:1" in answer.stdout
    assert "hint: start `spanbook serve`" in answer.stdout


def test_an_unknown_setting_is_refused_before_anything_starts() -> None:
    answer = spanbook("serve", "--grpc", "nowhere")
    assert answer.returncode == 2
    assert "--grpc cannot be 'nowhere'" in answer.stderr


@pytest.mark.parametrize("port", ["grpc", "http", "web", "sql"])
def test_strangers_are_not_let_in_without_keys(tmp_path: Path, port: str) -> None:
    addresses = {**dict.fromkeys(("grpc", "http", "web", "sql"), "127.0.0.1:0"), port: "0.0.0.0:0"}
    answer = spanbook("serve", f"--data={tmp_path}", *(f"--{name}={address}" for name, address in addresses.items()))
    assert answer.returncode == 2
    assert "`0.0.0.0" in answer.stderr
    assert "--insecure" in answer.stderr
