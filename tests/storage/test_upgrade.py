"""A store that was upgraded is the same as one that was made today."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from spanbook_storage import migrations, store
from spanbook_storage.migrations import Change


@pytest.fixture
def empty(book: Any, database: str) -> Iterator[Any]:
    opened = type(book)(book.dsn.rpartition("/")[0] + f"/{database}")
    yield opened
    opened.close()


def ddl(book: Any) -> dict[str, str]:
    rows = book.query("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    return {name: re.sub(r"\bspanbook_[0-9a-f]{8}\b", "book", query) for name, query in rows}


async def nothing(_: Any) -> int:
    return 0


def test_an_upgraded_store_equals_a_new_one(book: Any, empty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, views = migrations.migrations()[:5], migrations.views()
    old = Change("views/spans.sql", "CREATE OR REPLACE VIEW spans AS SELECT TraceId AS trace_id FROM otel_traces;")
    monkeypatch.setattr(migrations, "migrations", lambda: first)
    monkeypatch.setattr(migrations, "views", lambda: [old])
    monkeypatch.setattr(store, "price_list_version", lambda: "before there were prices")
    monkeypatch.setattr(store, "load_prices", nothing)
    assert [change.name for change in empty.run(empty.store.migrate())] == [
        *(change.name for change in first),
        old.name,
    ]
    monkeypatch.undo()

    planned = [change.name for change in empty.run(empty.store.plan())]
    assert planned[-len(views) :] == [view.name for view in views]
    assert [change.name for change in empty.run(empty.store.migrate())] == planned
    assert empty.run(empty.store.plan()) == []
    assert ddl(empty) == ddl(book)


def test_a_schema_that_is_up_to_date_needs_no_other_server_of_the_cluster(book: Any) -> None:
    assert book.run(book.store.migrate("a cluster whose servers are away")) == []


def test_what_would_be_applied_is_told_where_there_is_no_database_yet(book: Any) -> None:
    opened = type(book)(book.dsn.rpartition("/")[0] + "/spanbook_of_tomorrow")
    names = [change.name for change in (*migrations.migrations(), *migrations.views())]
    assert [change.name for change in opened.run(opened.store.plan())] == names
    opened.close()


def test_retention_is_set_once_and_follows_the_configuration(book: Any) -> None:
    def ttl(table: str) -> str:
        return str(re.findall(r"TTL .*?toIntervalDay\(\d+\)", ddl(book)[table])[0])

    book.run(book.store.keep_for(traces_days=30, logs_days=7, metrics_days=3))
    assert ttl("otel_traces") == "TTL toDateTime(PartitionTime) + toIntervalDay(30)"
    assert ttl("otel_logs").endswith("(7)")
    assert ttl("otel_metrics_sum").endswith("(3)")
    with_traces = {"span_content", "trace_rows", "trace_pieces", "usage_5m", "call_marks"}
    assert all(ttl(table).endswith("(30)") for table in with_traces)
    for_ever = {"entity_values", "assessment_rows", "assessment_changes", "trace_tags", "logged_model_metrics"}
    for_ever |= {"model_price_rows", "model_aliases", "priced_models", "derivation_state"}
    assert [table for table in for_ever if " TTL " in ddl(book)[table]] == []
    changed = book.query("SELECT max(metadata_modification_time) FROM system.tables WHERE name = 'otel_traces'")
    book.run(book.store.keep_for(traces_days=30, logs_days=8, metrics_days=3))
    assert ttl("otel_logs").endswith("(8)")
    assert book.query("SELECT max(metadata_modification_time) FROM system.tables WHERE name = 'otel_traces'") == changed
