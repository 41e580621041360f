"""The derivation itself: who else may write, what a trace row must not do, and what derived rows cost to read."""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, cast

import pytest
from genai_prices import Usage, calc_price
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from faults.parts import no_room_for_parts
from spanbook_storage.derivation import Derivation
from spanbook_storage.errors import StoreError
from spanbook_storage.inserts import Place
from spanbook_storage.prices import price_key, shipped_prices
from spanbook_storage.store import Store

CLICKHOUSE = files("spanbook_schemas") / "clickhouse"
NOW = time.time_ns()
SECOND = 10**9


def request(
    trace: bytes, spans: list[tuple[int, int]], *, start: int = NOW, failed: bool = False
) -> ExportTraceServiceRequest:
    """Spans of a trace by number and number of the parent, 0 for none."""
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    for number, parent in spans:
        span = scope.spans.add(
            trace_id=trace, span_id=number.to_bytes(8), parent_span_id=parent.to_bytes(8) if parent else b"",
            name=f"span {number}", start_time_unix_nano=start, end_time_unix_nano=start + SECOND,
        )  # fmt: skip
        span.status.code = 2 if failed else 0
    return made


def settle(book: Any, *derivations: Derivation) -> None:
    worked = True
    while worked:
        worked = False
        for derivation in derivations:
            worked = book.run(derivation.tick(everything=True)) or worked


async def seen(store: Store, trace: bytes, spans: int) -> None:
    """Wait until a trace has so many spans."""
    rows = f"SELECT span_count FROM traces WHERE trace_id = '{trace.hex()}'"
    async with asyncio.timeout(60):
        while await store.query(rows) != [(spans,)]:  # noqa: ASYNC110 - no event says when
            await asyncio.sleep(0.02)


def test_a_long_trace_in_many_pieces_is_one_row(book: Any) -> None:
    trace = b"long" * 4
    for first in range(2, 60_002, 20_000):
        book.insert(request(trace, [(number, 1) for number in range(first, first + 20_000)]))
    book.insert(request(trace, [(1, 0)]))
    settle(book, Derivation(book.store))
    found = book.query(f"SELECT span_count, name, status FROM traces WHERE trace_id = '{trace.hex()}'")
    assert found == [(60_001, "span 1", "OK")]


def test_two_derivations_at_once_leave_the_right_rows(book: Any) -> None:
    trace = b"both" * 4
    first, second = Derivation(book.store), Derivation(book.store)
    for number in range(2, 6):
        book.insert(request(trace, [(number, 1)]))
        book.run((first if number % 2 else second).tick())
    book.insert(request(trace, [(1, 0)]))
    settle(book, second, first)
    assert book.query(f"SELECT span_count, name FROM traces WHERE trace_id = '{trace.hex()}'") == [(5, "span 1")]


class HeldStore:
    """A store that answers a statement, which it has done, when `goes_on` is set."""

    def __init__(self, store: Store, statement: str) -> None:
        self._store, self._statement = store, statement
        self.held, self.goes_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        await self._store.command(sql, parameters)
        if sql == self._statement:
            self.held.set()
            await self.goes_on.wait()

    async def derive(self, stop: asyncio.Event) -> asyncio.Task[None]:
        """Start a derivation, and wait until it is held."""
        task = asyncio.create_task(Derivation(cast("Store", self)).run(stop))
        await asyncio.wait_for(self.held.wait(), 60)
        return task


def test_a_whole_trace_does_not_wait_for_others_that_are_computed_anew(book: Any) -> None:
    store, stop = HeldStore(book.store, "recompute_traces"), asyncio.Event()
    broken, whole = b"held" * 4, b"free" * 4

    async def end(task: asyncio.Task[None]) -> None:
        store.goes_on.set()
        await seen(book.store, broken, 1)
        stop.set()
        await task

    book.insert(request(broken, [(2, 1)]))
    task = book.run(store.derive(stop))
    book.insert(request(whole, [(1, 0), (2, 1)]))
    book.run(seen(book.store, whole, 2))
    book.run(end(task))


@pytest.mark.parametrize("ending", ["it goes on", "it is started anew"])
def test_what_comes_while_usage_is_computed_is_in_the_next(book: Any, ending: str) -> None:
    start = NOW - (7 if ending == "it goes on" else 8) * 86_400 * SECOND  # a bucket of its own
    hour = datetime.fromtimestamp(start // SECOND, UTC).strftime("%Y-%m-%d %H:00:00")
    store, stop = HeldStore(book.store, "recompute_usage"), asyncio.Event()

    def call(trace: bytes) -> ExportTraceServiceRequest:
        made = request(trace, [(1, 0)], start=start)
        for span in made.resource_spans[0].scope_spans[0].spans:
            for key, value in (("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "m")):
                span.attributes.add(key=key).value.string_value = value
            span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 7
        return made

    async def end(task: asyncio.Task[None]) -> None:
        if ending == "it is started anew":
            task.cancel()
            return
        store.goes_on.set()
        async with asyncio.timeout(60):
            while await book.store.query(usage) != [(2, 14)]:  # noqa: ASYNC110 - no event says when
                await asyncio.sleep(0.02)
        stop.set()
        await task

    usage = f"SELECT sum(calls), sum(input_tokens) FROM usage_hourly WHERE hour = '{hour}'"
    first, second = (f"{number} {ending}".encode().ljust(16)[:16] for number in (1, 2))
    book.insert(call(first), received_at=start)
    task = book.run(store.derive(stop))
    book.insert(call(second), received_at=start)
    book.run(seen(book.store, second, 1))
    book.run(end(task))
    settle(book, Derivation(book.store))
    assert book.query(usage) == [(2, 14)]


def test_who_says_that_spans_were_inserted_waits_for_no_look(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanbook_storage.derivation.PAUSE", 3600.0)
    settle(book, Derivation(book.store))
    derivation, stop = Derivation(book.store), asyncio.Event()
    trace = b"news" * 4

    async def start() -> asyncio.Task[None]:
        task = asyncio.create_task(derivation.run(stop))
        await asyncio.sleep(0)
        return task

    async def noticed(task: asyncio.Task[None], spans: int) -> None:
        derivation.notice()
        await seen(book.store, trace, spans)
        if spans == 2:
            stop.set()
            await asyncio.wait_for(task, 60)

    task = book.run(start())
    for number, parent in ((1, 0), (2, 1)):
        book.insert(request(trace, [(number, parent)]))
        book.run(noticed(task, number))


def test_inserts_that_are_merged_before_they_are_seen_are_gathered_and_once(book: Any) -> None:
    derivation = Derivation(book.store)
    settle(book, derivation)
    traces = [b"merged %d" % number * 2 for number in range(3)]
    for trace in traces:
        book.insert(request(trace, [(1, 0), (2, 1)]))
    book.run(book.store.command("OPTIMIZE TABLE otel_traces FINAL"))
    counted = f"SELECT sum(span_count), count() FROM {{}} WHERE trace_id IN {tuple(trace.hex() for trace in traces)}"
    for _ in range(2):
        settle(book, derivation)
        assert book.query(counted.format("traces")) == [(6, 3)]
        assert book.query(counted.format("trace_pieces")) == [(6, 3)]
        derivation = Derivation(book.store)  # the next one knows by name what is done


def test_a_delete_does_not_make_an_old_insert_new(book: Any) -> None:
    derivation = Derivation(book.store)
    trace = "d0" * 16
    book.run(book.store.command(
        "INSERT INTO otel_traces (Timestamp, TraceId, SpanId, inserted_at)"
        f" SELECT now64(9), '{trace}', '{'1' * 16}', now64(3) - INTERVAL 1 HOUR"
    ))  # fmt: skip
    settle(book, derivation)
    pieces = f"SELECT count() FROM trace_pieces WHERE trace_id = '{trace}'"
    assert book.query(pieces) == [(1,)]
    assert derivation._state is not None
    derivation._state.spans = Place(since=time.time_ns() // 10**6)  # an hour later names are forgotten
    book.run(book.store.command("DELETE FROM otel_traces WHERE SpanName = 'of another trace'"))
    settle(book, derivation)
    assert book.query(pieces) == [(1,)]
    [[listed]] = book.query(
        "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'otel_traces'"
    )
    assert len(derivation._state.spans.read) >= listed  # and is not looked into again


def test_an_insert_too_large_for_a_statement_is_gathered_in_shares(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(book, Derivation(book.store))
    monkeypatch.setattr("spanbook_storage.traces.GATHERED_AT_ONCE", 5)
    sent = ExportTraceServiceRequest()
    traces = [b"large %02d" % number * 2 for number in range(12)]
    for trace in traces:
        sent.MergeFrom(request(trace, [(1, 0), (2, 1)]))
    book.insert(sent)
    settle(book, Derivation(book.store))
    of_these = f"trace_id IN {tuple(trace.hex() for trace in traces)}"
    for table in ("traces", "trace_pieces"):
        found = book.query(f"SELECT count(), sum(span_count), uniqExact(trace_id) FROM {table} WHERE {of_these}")
        assert found == [(12, 24, 12)]


@pytest.mark.parametrize("table", ["trace_rows", "trace_pieces"])
@pytest.mark.parametrize("again", ["the same derivation", "the next"])
def test_what_could_not_be_gathered_is_gathered_later(book: Any, table: str, again: str) -> None:
    trace = f"{table} {again}".encode().hex()[-32:]
    derivation = Derivation(book.store)
    settle(book, derivation)

    async def barred() -> None:
        async with no_room_for_parts(book.store, table):
            with pytest.raises(StoreError):
                await derivation.tick()

    book.insert(request(bytes.fromhex(trace), [(1, 0), (2, 1)]))
    book.run(barred())
    settle(book, derivation if again == "the same derivation" else Derivation(book.store))
    assert book.query(f"SELECT span_count, status FROM traces WHERE trace_id = '{trace}'") == [(2, "OK")]


def test_a_store_whose_clock_goes_back_gets_its_traces_all_the_same(book: Any) -> None:
    derivation = Derivation(book.store)
    book.insert(request(b"fore" * 4, [(2, 1)]))
    settle(book, derivation)
    for table in ("otel_traces", "trace_pieces"):  # as if the clock had been ahead until now
        later = f"SELECT * REPLACE (inserted_at + toIntervalHour(1) AS inserted_at) FROM {table}"
        book.run(book.store.command(f"INSERT INTO {table} {later}"))
    settle(book, derivation)
    trace = b"back" * 4
    for known in (derivation, Derivation(book.store)):
        book.insert(request(trace, [(2, 1)]))
        book.insert(request(trace, [(1, 0)]))
        settle(book, known)
        assert book.query(f"SELECT span_count, name FROM traces WHERE trace_id = '{trace.hex()}'") == [(2, "span 1")]
        trace = trace[::-1]


def test_a_collector_that_writes_the_table_itself_gets_trace_rows(book: Any) -> None:
    trace = "f0" * 16
    for number, parent in (("2", "1"), ("1", "")):
        book.run(book.store.command(
            "INSERT INTO otel_traces"
            " (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, ServiceName, Duration, SpanAttributes)"
            f" SELECT now64(9), '{trace}', '{number * 16}', '{parent * 16}', 'foreign', 'other', 1000000,"
            " map('gen_ai.operation.name', 'chat', 'gen_ai.usage.input_tokens', '7')"
        ))  # fmt: skip
    settle(book, Derivation(book.store))
    found = book.query(f"SELECT span_count, service_name, status, input_tokens FROM traces WHERE trace_id = '{trace}'")
    assert found == [(2, "other", "OK", 14)]


@pytest.mark.parametrize(("failed", "status"), [(False, "OK"), (True, "ERROR")])
def test_an_hour_without_spans_ends_a_trace_whose_root_never_came(book: Any, failed: bool, status: str) -> None:
    trace = b"orph" * 3 + (b"fail" if failed else b"fine")
    long_ago = NOW - 7200 * SECOND
    book.insert(request(trace, [(2, 1)], start=long_ago, failed=failed), received_at=long_ago + 2 * SECOND)
    settle(book, Derivation(book.store))
    assert book.query(f"SELECT status FROM traces WHERE trace_id = '{trace.hex()}'") == [(status,)]


def test_a_filter_on_time_prunes_traces(book: Any) -> None:
    book.insert(request(b"prun" * 4, [(1, 0)]))
    plan = "\n".join(
        row[0]
        for row in book.query(
            "EXPLAIN indexes = 1 SELECT trace_id FROM traces WHERE start_time > now() + INTERVAL 1 DAY"
        )
    )
    # Nothing is from tomorrow: the index leaves no granule, so nothing is read.
    assert "ReadNothing" in plan or re.search(r"Granules: 0/\d+", plan), plan


def test_days_that_are_merged_are_read_without_merging_them_again(book: Any) -> None:
    for number, day in enumerate((NOW, NOW - 86_400 * SECOND)):
        book.insert(request(b"day %d" % number * 2 + b"....", [(1, 0)], start=day))
        settle(book, Derivation(book.store))
    book.run(book.store.command("OPTIMIZE TABLE trace_rows FINAL"))
    parts = "FROM system.parts WHERE active AND table = 'trace_rows' AND database = currentDatabase()"
    assert book.query(f"SELECT uniqExact(partition) > 1, uniqExact(partition) = count() {parts}") == [(1, 1)]
    pipeline = "\n".join(row[0] for row in book.query("EXPLAIN PIPELINE SELECT start_time FROM traces"))
    assert "MergeTreeSelect" in pipeline
    assert "ReplacingSorted" not in pipeline, pipeline


def test_spans_go_to_traces_column_by_column(book: Any) -> None:
    # Statements that send them there name no columns.
    chosen_by = ["bucket", "part", "partition", "block"]
    of = "database = currentDatabase() AND table = {t:String}"
    columns = f"SELECT name, type FROM system.columns WHERE {of} ORDER BY position"
    facts = book.query(columns, t="span_facts")
    assert facts[len(chosen_by) :] == book.query(columns, t="traced_spans")
    assert [name for name, _ in facts[: len(chosen_by)]] == chosen_by


def test_every_shipped_price_is_what_genai_prices_would_charge() -> None:
    # At an hour to which no price of its own belongs: prices by the time of day are not taken over.
    when = datetime.now(UTC).replace(hour=20)
    checked = 0
    for price in shipped_prices():
        if price.effective_from or price.reasoning_price is not None or price.price_key.count("/") != 1:
            continue
        provider, model = price.price_key.split("/")
        if price_key(provider, model) != price.price_key or any(
            other.price_key == price.price_key and other.effective_from for other in shipped_prices()
        ):
            continue
        tokens = price.min_input_tokens + 1
        found = calc_price(
            Usage(input_tokens=tokens, output_tokens=0), model, provider_id=provider, genai_request_timestamp=when
        )
        assert float(found.total_price) == pytest.approx(tokens * (price.input_price or 0) / 1e6), price
        checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("provider", "model", "key"),
    [
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("", "gpt-4o", "openai/gpt-4o"),
        ("gcp.gen_ai", "gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("ollama", "gpt-4o", ""),
        ("openai", "no-such-model", ""),
    ],
)
def test_a_model_name_means_one_price_or_none(provider: str, model: str, key: str) -> None:
    assert price_key(provider, model) == key
