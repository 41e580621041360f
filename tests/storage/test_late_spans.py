"""What comes days after the rest of its trace, and what is known at the very first span."""

import math
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanbook_storage.derivation import Derivation
from spanbook_storage.inserts import Place
from spanbook_storage.prices import price_key, shipped_aliases
from spanbook_storage.traces import gather_traces, list_inserts

SECOND = 10**9
DAY = 86_400 * SECOND
THEN = (time.time_ns() - 5 * DAY) // DAY * DAY + DAY // 2
ROOT = 1


def request(trace: bytes, *spans: tuple[int, int], start: int = THEN, **attributes: Any) -> ExportTraceServiceRequest:
    """Spans of a trace by number and number of the parent, 0 for none; all with the same attributes."""
    made = ExportTraceServiceRequest()
    scope = made.resource_spans.add().scope_spans.add()
    for number, parent in spans:
        span = scope.spans.add(
            trace_id=trace, span_id=number.to_bytes(8), parent_span_id=parent.to_bytes(8) if parent else b"",
            name=f"span {number}", start_time_unix_nano=start + number, end_time_unix_nano=start + SECOND,
        )  # fmt: skip
        for key, value in attributes.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(span.attributes.add(key=f"gen_ai.{key.replace('__', '.')}").value, field, value)
    return made


def settle(book: Any, derivation: Derivation | None = None) -> None:
    derivation = derivation or Derivation(book.store)
    while book.run(derivation.tick(everything=True)):
        pass


def let_days_pass(book: Any) -> None:
    """Make what has been inserted so far five days old; a new derivation then finds nothing to do."""
    settle(book)
    columns = "trace_key, tenant, trace_id, whole, span_count, agents_report, tagged, usage_buckets, spans, inserted_at"
    new = "inserted_at > now() - INTERVAL 1 DAY"
    old = columns.replace("inserted_at", "inserted_at - INTERVAL 5 DAY")
    book.run(book.store.command(f"INSERT INTO trace_pieces ({columns}) SELECT {old} FROM trace_pieces WHERE {new}"))
    book.run(book.store.command(f"DELETE FROM trace_pieces WHERE {new}"))


def rows(book: Any, trace: bytes) -> list[tuple[Any, ...]]:
    columns = "span_count, name, status, input_tokens"
    return list(book.query(f"SELECT {columns} FROM traces WHERE trace_id = {{t:String}}", t=trace.hex()))


def test_spans_tags_and_roots_that_come_days_later_find_their_trace(book: Any) -> None:
    child, root, tag, moved = (name * 4 for name in (b"chil", b"root", b"tagg", b"move"))
    book.insert(request(child, (ROOT, 0), (2, ROOT)), received_at=THEN + SECOND)
    book.insert(request(root, (2, ROOT), (3, 2)), received_at=THEN + SECOND)
    book.insert(request(tag, (ROOT, 0)), received_at=THEN + SECOND)
    book.insert(request(moved, (ROOT, 0), (2, ROOT)), received_at=THEN + SECOND)
    let_days_pass(book)

    book.insert(request(child, (3, 2)))
    book.insert(request(root, (ROOT, 0)))  # as a trace of one span it looks whole
    event = ExportLogsServiceRequest()
    record = (
        event.resource_logs.add()
        .scope_logs.add()
        .log_records.add(event_name="spanbook.trace.tag", time_unix_nano=time.time_ns(), trace_id=tag)
    )
    record.attributes.add(key="spanbook.tag.seen").value.string_value = "late"
    book.insert(event)
    book.insert(request(moved, (ROOT, 0), start=THEN + 3600 * SECOND))  # a re-send with another start
    settle(book)

    assert rows(book, child) == [(3, "span 1", "OK", None)]
    assert rows(book, root) == [(3, "span 1", "OK", None)]
    assert book.query(f"SELECT tags, span_count FROM traces WHERE trace_id = '{tag.hex()}'") == [({"seen": "late"}, 1)]
    assert rows(book, moved) == [(2, "span 1", "OK", None)]
    assert book.query(f"SELECT count() FROM otel_traces WHERE TraceId = '{moved.hex()}'") == [(2,)]


def test_what_is_looked_for_later_is_found_although_the_writer_starts_again(book: Any) -> None:
    trace = b"wait" * 4
    book.insert(request(trace, (ROOT, 0), (2, ROOT)), received_at=THEN + SECOND)
    let_days_pass(book)
    book.insert(request(trace, (3, 2)))
    busy = Derivation(book.store)
    busy._look_back_due = math.inf  # as on a book where looking back takes long
    while book.run(busy.tick()):
        pass
    assert rows(book, trace)[0][0] == 1
    settle(book)
    assert rows(book, trace) == [(3, "span 1", "OK", None)]


def test_an_agent_stops_counting_when_its_model_call_comes_days_later(book: Any) -> None:
    trace, called = b"agen" * 4, {"provider__name": "acme", "request__model": "late-model"}
    agent = called | {"operation__name": "invoke_agent", "usage__input_tokens": 70}
    chat = called | {"operation__name": "chat", "usage__input_tokens": 7}
    usage = "SELECT sum(calls), sum(input_tokens) FROM usage_hourly WHERE model = 'late-model'"
    book.insert(request(trace, (ROOT, 0), **agent), received_at=THEN + SECOND)
    settle(book)
    assert book.query(usage) == [(1, 70)]
    assert rows(book, trace)[0][3] == 70
    let_days_pass(book)
    book.insert(request(trace, (2, ROOT), start=THEN + 1800 * SECOND, **chat))
    settle(book)
    assert rows(book, trace) == [(2, "span 1", "OK", 7)]
    assert book.query(usage) == [(1, 7)]


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o-2024-08-06"), ("azure.ai.openai", "gpt-4o"), ("gcp.gemini", "gemini-2.5-pro")],
)
def test_the_first_call_of_a_known_model_has_its_cost_at_once(book: Any, provider: str, model: str) -> None:
    trace = f"{provider}{model}".encode()[-16:]
    called = {"operation__name": "chat", "provider__name": provider, "request__model": model}
    book.insert(request(trace, (ROOT, 0), start=time.time_ns(), **called, usage__input_tokens=1000))
    book.run(gather_traces(book.store, book.run(list_inserts(book.store, Place()))))  # the first step of a derivation
    for view in ("traces", "llm_calls"):
        costs = book.query(f"SELECT cost_usd FROM {view} WHERE trace_id = {{t:String}}", t=trace.hex())
        assert len(costs) == 1
        assert costs[0][0] > 0


def test_names_that_are_known_beforehand_mean_what_matching_would_say() -> None:
    aliases = shipped_aliases()
    assert len(aliases) > 1000
    assert all(price_key(provider, model) == key for (provider, model), key in list(aliases.items())[::20])
