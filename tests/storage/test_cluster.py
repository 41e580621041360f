"""A book on a cluster: what runs on a shard touches nothing else, and what goes to all of them arrives."""

import asyncio
import re
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import spanbook_storage
from spanbook_collector.config import load
from spanbook_collector.derivations import derive
from spanbook_schemas.signals import Signal
from spanbook_storage import migrations
from spanbook_storage.batches import count_batches, delete_batches
from spanbook_storage.cluster import own_shard, sharded
from spanbook_storage.derivation import Derivation
from spanbook_storage.errors import Misconfigured, Retryable
from spanbook_storage.prices import Price, set_price
from spanbook_storage.shards import check_shards
from spanbook_storage.store import open_store

SECOND = 10**9
HOUR = 3600 * SECOND
STORAGE = Path(spanbook_storage.__file__).parent
QUERIES = files("spanbook_schemas") / "clickhouse" / "queries"


def request(trace: bytes, *spans: tuple[int, int], start: int = 0, **attributes: Any) -> ExportTraceServiceRequest:
    """Spans of a trace by number and number of the parent, 0 for none; all with the same attributes."""
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    start = start or time.time_ns()
    for number, parent in spans:
        span = scope.spans.add(
            trace_id=trace, span_id=number.to_bytes(8), parent_span_id=parent.to_bytes(8) if parent else b"",
            name=f"span {number}", start_time_unix_nano=start, end_time_unix_nano=start + SECOND,
        )  # fmt: skip
        for key, value in attributes.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(span.attributes.add(key=f"gen_ai.{key.replace('__', '.')}").value, field, value)
    return made


def settle(book: Any, derivation: Derivation | None = None) -> None:
    derivation = derivation or Derivation(*book.derived)
    while book.run(derivation.tick(everything=True)):
        pass


def derivation_statements() -> set[str]:
    modules = [(STORAGE / f"{name}.py").read_text() for name in ("derivation", "traces", "usage", "prices")]
    return {name for text in modules for name in re.findall(r"\.(?:query|command)\(\s*\"(\w+)\"", text)}


def asked_of(sql: str) -> set[str]:
    """The tables and views that a statement reads or writes."""
    return set(re.findall(r"\b(?:FROM|JOIN|INTO)\s+(\w+)", migrations.without_comments(sql)))


def test_what_a_derivation_asks_of_a_shard_names_nothing_of_the_whole_cluster() -> None:
    whole = set(sharded(migrations.migrations()))
    views = {view.name.removeprefix("views/").removesuffix(".sql"): asked_of(view.text) for view in migrations.views()}
    while more := {view for view, asked in views.items() if asked & whole} - whole:
        whole |= more  # views that read what is sharded, or such views
    statements = derivation_statements()
    assert {"recompute_traces", "recompute_usage", "refeed_traces", "save_derivation_state"} <= statements
    for name in statements:
        assert not asked_of(own_shard((QUERIES / f"{name}.sql").read_text())) & whole, name


def test_each_shard_computes_its_own_part(sharded_book: Any) -> None:
    hour = time.time_ns() // HOUR * HOUR
    called = {"operation__name": "chat", "provider__name": "acme", "request__model": "shared", "usage__input_tokens": 7}
    for number, parent in ((2, 1), (1, 0)):
        sent = ExportTraceServiceRequest()
        for trace in range(12):
            sent.MergeFrom(request(bytes([trace]) * 16, (number, parent), start=hour, **called))
        sharded_book.insert(sent)
    for derivation in map(Derivation, sharded_book.derived):
        settle(sharded_book, derivation)
    usage = "SELECT sum(calls), sum(input_tokens) FROM usage_hourly WHERE model = 'shared'"
    assert sharded_book.query(usage) == [(24, 168)]
    assert sharded_book.query("SELECT count(), uniqExact(trace_id), sum(span_count) FROM traces") == [(12, 12, 24)]
    own = "SELECT (SELECT count() FROM trace_rows_local FINAL), (SELECT sum(calls) FROM usage_5m_local FINAL)"
    for store in sharded_book.derived:
        [[traces, calls]] = sharded_book.run(store.query(own))
        assert 0 < traces < 12
        assert calls == 2 * traces


PARAMETERS = {"trace_spans": "trace_id = 'x'", "calls_with_word": "word = 'x'"}
OF_THOSE_THERE = "SETTINGS skip_unavailable_shards = 1, connections_with_failover_max_tries = 1"


@pytest.mark.parametrize("view", [view.name.removeprefix("views/").removesuffix(".sql") for view in migrations.views()])
def test_a_view_can_be_asked_of_several_shards(halved_book: Any, view: str) -> None:
    """ClickHouse refuses subqueries over all shards in what is sent to every shard."""
    asked = f"{view}({PARAMETERS[view]})" if view in PARAMETERS else view
    halved_book.query(f"SELECT * FROM {asked} LIMIT 1 {OF_THOSE_THERE}")


def test_spans_for_a_shard_that_is_away_are_for_another_try_and_the_others_are_stored(halved_book: Any) -> None:
    refusals: list[type[Exception]] = []
    for trace in range(8):
        try:
            halved_book.insert(request(bytes([trace]) * 16, (1, 0)))
        except Retryable as error:
            refusals.append(type(error))
    assert 0 < len(refusals) < 8
    assert set(refusals) == {Retryable}  # what is Puzzling would be set aside, since others are stored meanwhile
    settle(halved_book)
    assert halved_book.query(f"SELECT count() FROM traces {OF_THOSE_THERE}") == [(8 - len(refusals),)]


def test_what_is_tried_again_until_all_shards_are_there_is_on_the_others_once(halved_book: Any) -> None:
    sent = ExportTraceServiceRequest()
    for trace in range(8):
        sent.MergeFrom(request(b"again" * 3 + bytes([trace]), (1, 0)))
    here = f"SELECT count(), uniqExact(TraceId) FROM otel_traces_local WHERE TraceId LIKE '{b'again'.hex()}%'"
    for _ in range(3):
        with pytest.raises(Retryable):
            halved_book.insert(sent, token="again", batch=1)
    [[rows, traces]] = halved_book.query(here)
    assert rows == traces < 8


def test_the_same_token_again_stores_nothing_twice_on_any_shard(cluster_book: Any) -> None:
    sent = request(b"toke" * 4, (1, 0))
    for token in ("first", "first", "second"):
        cluster_book.insert(sent, token=token)
    assert cluster_book.query(f"SELECT count() FROM otel_traces WHERE TraceId = '{(b'toke' * 4).hex()}'") == [(2,)]


def test_a_span_sent_again_with_another_start_is_deleted_on_its_shard(cluster_book: Any) -> None:
    trace, then = b"move" * 4, time.time_ns() - HOUR
    cluster_book.insert(request(trace, (1, 0), start=then), received_at=then + SECOND)
    cluster_book.insert(request(trace, (1, 0), start=then + HOUR // 2))
    settle(cluster_book)
    raw = f"SELECT count() FROM otel_traces WHERE TraceId = '{trace.hex()}'"
    assert cluster_book.query(raw) == [(1,)]
    assert cluster_book.query(f"SELECT span_count FROM traces WHERE trace_id = '{trace.hex()}'") == [(1,)]


def test_the_rows_of_a_batch_are_deleted_on_every_shard(sharded_book: Any) -> None:
    for batch in (71, 72):
        sent = ExportTraceServiceRequest()
        for trace in range(8):
            sent.MergeFrom(request(bytes([trace]) * 16, (batch, 0)))
        sharded_book.insert(sent, batch=batch)
    assert sharded_book.run(count_batches(sharded_book.store, Signal.TRACES, [71, 72])) == {71: 8, 72: 8}
    sharded_book.run(delete_batches(sharded_book.store, Signal.TRACES, [71]))
    assert sharded_book.run(count_batches(sharded_book.store, Signal.TRACES, [71, 72])) == {72: 8}


def test_retention_is_that_of_the_shards_tables(cluster_book: Any) -> None:
    for _ in range(2):
        keep = cluster_book.store.keep_for(traces_days=3, logs_days=3, metrics_days=3, cluster="book")
        cluster_book.run(keep)
    for table in migrations.kept_by(migrations.migrations()):
        [[created]] = cluster_book.query(f"SHOW CREATE TABLE {table}_local")
        assert "toIntervalDay(3)" in created


def test_a_name_that_another_shard_found_earlier_but_came_later_gives_traces_their_cost(cluster_book: Any) -> None:
    trace = b"late" * 4
    called: dict[str, Any] = {"operation__name": "chat", "provider__name": "acme", "usage__input_tokens": 1000}
    cost = f"SELECT cost_usd FROM traces WHERE trace_id = '{trace.hex()}'"
    cluster_book.insert(request(trace, (1, 0), request__model="acme-of-a-shard", **called))
    derivation = Derivation(*cluster_book.derived)
    settle(cluster_book, derivation)
    cluster_book.run(set_price(cluster_book.store, Price("acme/acme", 0, 0, 2.0, 2.0, None, None, None, source="user")))
    settle(cluster_book, derivation)  # that is seen, and with it everything that was written before
    name = {"provider": "acme", "model": "acme-of-a-shard", "price_key": "acme/acme"}
    found = "SELECT toString(max(version) + INTERVAL 1 MICROSECOND) FROM model_aliases"
    [[version]] = cluster_book.query(found)
    cluster_book.run(cluster_book.store.insert_rows("model_aliases", [name | {"version": version}]))
    settle(cluster_book, derivation)
    assert cluster_book.query(cost) == [(None,)]
    derivation._prices_settled = 0.0  # a minute later
    settle(cluster_book, derivation)
    assert cluster_book.query(cost) == [(pytest.approx(0.002),)]


def test_an_address_for_every_shard_is_asked_for(cluster_book: Any) -> None:
    cluster_book.run(check_shards(cluster_book.store, "book"))
    with pytest.raises(Misconfigured, match="has 2 shards, and `shards` names 1"):
        cluster_book.run(check_shards(cluster_book.store, "pair"))


def test_the_writer_derives_on_a_shard_once_whatever_addresses_it_is_given(
    cluster_book: Any, caplog: pytest.LogCaptureFixture
) -> None:
    trace = b"writ" * 4
    for number, parent in ((2, 1), (1, 0)):
        cluster_book.insert(request(trace, (number, parent)))
    config = load({"store": cluster_book.dsn, "cluster": "book", "shards": [cluster_book.dsn] * 2}, {})

    async def writer() -> None:
        stop = asyncio.Event()
        store = await open_store(cluster_book.dsn)
        working = asyncio.create_task(derive(config, store, {}, stop))
        while not await store.query(f"SELECT 1 FROM traces WHERE trace_id = '{trace.hex()}' AND span_count = 2"):  # noqa: ASYNC110 (told by nobody)
            await asyncio.sleep(0.05)
        stop.set()
        await working
        await store.close()

    asyncio.run(asyncio.wait_for(writer(), 60))
    assert "shard `01` has an address already" in caplog.text
