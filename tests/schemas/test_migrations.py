"""Migrations and views: their order, their repetition, their refusals, and the cluster's version of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spanbook_storage import migrations
from spanbook_storage.cluster import sharded, statements
from spanbook_storage.errors import SchemaChanged
from spanbook_storage.migrations import RECORD_TABLE, Change, kept_by, pending, split

GOLDEN = Path(__file__).parent / "golden"
CLUSTER = "book"
ENGINE = Path(__file__).parent / "cluster_engine.py"


def all_changes() -> list[Change]:
    return [*migrations.migrations(), *migrations.views()]


def test_statements_are_split_at_semicolons_that_are_not_quoted() -> None:
    text = "-- first; really\nSELECT ';', `a;b` -- then; so\n;\nSELECT 'it''s; \\'';\n-- the end;\n"
    assert list(split(text)) == ["-- first; really\nSELECT ';', `a;b` -- then; so", "SELECT 'it''s; \\''"]


def test_an_edited_migration_is_refused_and_an_edited_view_is_made_again() -> None:
    applied = {change.name: change.checksum for change in all_changes()}
    assert pending(applied) == []
    view = migrations.views()[0]
    assert pending(applied | {view.name: "other"}) == [view]
    with pytest.raises(SchemaChanged, match="never edited"):
        pending(applied | {migrations.migrations()[0].name: "other"})


def test_a_store_of_a_newer_version_is_refused() -> None:
    with pytest.raises(SchemaChanged, match="newer version"):
        pending({"migrations/9999_future.sql": "x"})


def test_a_view_comes_after_the_views_that_it_reads() -> None:
    names = [change.name for change in migrations.views()]
    assert names.index("views/spans.sql") < names.index("views/trace_spans.sql")
    assert names.index("views/span_messages.sql") < names.index("views/llm_calls.sql")


def test_every_statement_can_be_run_again() -> None:
    for change in all_changes():
        for statement in change.statements:
            assert re.search(r"IF NOT EXISTS|OR REPLACE|^INSERT", migrations.without_comments(statement)), statement[
                :200
            ]


def test_every_table_that_a_view_fills_knows_a_token_again() -> None:
    texts = [migrations.without_comments(one) for change in migrations.migrations() for one in change.statements]
    filled = {
        match[1] for text in texts if (match := re.match(r"CREATE MATERIALIZED VIEW IF NOT EXISTS \w+ TO (\w+)", text))
    }
    for text in texts:
        table = re.match(r"CREATE TABLE IF NOT EXISTS (\w+)", text)
        if table and table[1] in filled and "MergeTree" in text:
            assert "non_replicated_deduplication_window" in text, table[1]


def test_retention_knows_every_table_that_grows_with_traffic() -> None:
    traces = {"otel_traces", "span_content", "trace_rows", "trace_pieces", "usage_5m", "call_marks"}
    kinds = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    others = {"otel_logs", *(f"otel_metrics_{kind}" for kind in kinds)}
    assert kept_by(migrations.migrations()).keys() == traces | others


def test_the_clusters_schema_is_the_one_that_was_looked_at() -> None:
    """`SPANBOOK_GOLDEN=1 pytest tests/schemas` writes the files anew; look at what changed before it is committed."""
    for change in all_changes():
        golden = GOLDEN / change.name.replace("/", "-")
        text = ";\n\n".join(statements(change, CLUSTER)) + ";\n"
        if os.environ.get("SPANBOOK_GOLDEN"):
            golden.write_text(text, encoding="utf-8")
        assert golden.read_text(encoding="utf-8") == text, (
            f"{golden.name} changed: SPANBOOK_GOLDEN=1 pytest tests/schemas"
        )


def test_a_view_asks_each_shard_for_marks_of_its_spans_and_all_for_their_number() -> None:
    view = (
        "CREATE OR REPLACE VIEW seen{} AS SELECT 1 FROM otel_traces AS s WHERE (SELECT count() FROM call_marks) = 0"
        " OR s.SpanId NOT IN (SELECT m.span_id FROM {} AS m)"
    )
    change = Change("", view.format("", "call_marks"))
    assert statements(change, CLUSTER) == [view.format(" ON CLUSTER 'book'", "call_marks_local")]


def test_a_change_of_a_sharded_table_reaches_its_shards() -> None:
    column, setting = "ADD COLUMN IF NOT EXISTS extra String", "MODIFY SETTING merge_selector_base = 5"
    change = Change(
        "", f"ALTER TABLE otel_logs {column};ALTER TABLE otel_logs {setting};ALTER TABLE priced_models {column}"
    )
    assert statements(change, CLUSTER) == [
        f"ALTER TABLE otel_logs_local ON CLUSTER 'book' {column}",
        f"ALTER TABLE otel_logs ON CLUSTER 'book' {column}",
        f"ALTER TABLE otel_logs_local ON CLUSTER 'book' {setting}",
        f"ALTER TABLE priced_models ON CLUSTER 'book' {column}",
    ]


def test_the_clusters_schema_runs_on_a_keeper(tmp_path: Path) -> None:
    """Everything but ON CLUSTER, which the embedded engine only parses."""
    foundation = Change("", RECORD_TABLE)
    script = [one for change in (foundation, *all_changes()) for one in statements(change, CLUSTER)]
    made = subprocess.run(
        [sys.executable, str(ENGINE), str(tmp_path), CLUSTER],
        input="\0".join(script),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    tables = dict(line.split("\t") for line in made.stdout.splitlines())
    for table in sharded(migrations.migrations()):
        assert tables[f"{table}_local"].startswith("Replicated")
        assert tables[table] == "Distributed"
    assert not [name for name, engine in tables.items() if engine.endswith("MergeTree") and "Replicated" not in engine]
