"""The store against a real node: tokens, errors, addresses."""

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from faults.parts import no_room_for_parts
from spanbook_schemas.signals import Signal
from spanbook_storage.errors import Misconfigured, Poison, Puzzling, Retryable, from_code
from spanbook_storage.store import open_store


def test_the_same_token_again_stores_nothing_twice_in_any_table(book: Any) -> None:
    traces, logs, metrics = ExportTraceServiceRequest(), ExportLogsServiceRequest(), ExportMetricsServiceRequest()
    scope = traces.resource_spans.add().scope_spans.add()
    scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=time.time_ns())
    record = logs.resource_logs.add().scope_logs.add().log_records.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    record.time_unix_nano, record.event_name = time.time_ns(), "gen_ai.user.message"
    record.body.string_value = '{"content": "hello"}'
    point = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge.data_points.add()
    point.time_unix_nano = time.time_ns()
    for token in ("first", "first", "second"):
        for request in (traces, logs, metrics):
            book.insert(request, token=f"{token}-{type(request).__name__}")
    for table in ("otel_traces", "otel_logs", "otel_metrics_gauge"):
        assert book.query(f"SELECT count() FROM {table}") == [(2,)]
    assert book.query("SELECT count() FROM span_content") == [(2,)]
    assert book.query("SELECT input_messages FROM span_messages") == [
        ('[{"role":"user","parts":[{"type":"text","content":"hello"}]}]',)
    ]


@pytest.mark.parametrize("body", [b"\x0a\x05abc", b"\x0a\x03\x12\x01\xff", b"\xff" * 40])
def test_bytes_that_are_no_otlp_are_poison(book: Any, body: bytes) -> None:
    with pytest.raises(Poison):
        book.run(book.store.insert(Signal.TRACES, [body], f"poison {body!r}"))


def test_what_was_sent_is_not_held_while_it_is_stored(book: Any) -> None:
    traces = ExportTraceServiceRequest()
    scope = traces.resource_spans.add().scope_spans.add()
    scope.spans.add(trace_id=b"h" * 16, span_id=b"s" * 8, start_time_unix_nano=time.time_ns())
    pieces = [traces.SerializeToString()] * 3
    book.run(book.store.insert(Signal.TRACES, pieces, "three of a kind"))
    assert pieces == []
    stored = "SELECT count() FROM otel_traces WHERE TraceId = {trace_id:String}"
    assert book.query(stored, trace_id=(b"h" * 16).hex()) == [(3,)]


def test_rows_that_failed_half_way_are_stored_by_the_next_try(book: Any) -> None:
    row = {"provider": "acme", "model": "acme-1", "price_key": "acme/acme"}

    async def refused() -> None:
        async with no_room_for_parts(book.store, "model_aliases"):
            with pytest.raises(Retryable):
                await book.store.insert_rows("model_aliases", [row])

    book.run(refused())
    book.run(book.store.insert_rows("model_aliases", [row]))
    assert book.query("SELECT count() FROM model_aliases WHERE model = 'acme-1'") == [(1,)]


def test_a_store_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(Retryable, match="hint: "):
        asyncio.run(open_store("clickhouse://reader:secret@127.0.0.1:1/book"))


@pytest.mark.parametrize("dsn", ["localhost:8123", "postgres://x", "clickhouse://"])
def test_an_address_that_cannot_be_read_says_how_to_write_one_and_no_password(dsn: str) -> None:
    with pytest.raises(Misconfigured, match="hint: write clickhouse://"):
        asyncio.run(open_store(dsn))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (None, Retryable),
        (241, Retryable),
        (252, Retryable),
        (244, Retryable),
        (9999, Puzzling),
        (36, Puzzling),
        (33, Poison),
        (60, Misconfigured),
    ],
)
def test_clickhouses_codes_say_what_to_do(code: int | None, kind: type[Exception]) -> None:
    assert type(from_code(code, "")) is kind


def test_a_file_system_that_has_no_room_is_not_the_datas_fault() -> None:
    message = "std::__1::filesystem::filesystem_error: filesystem error: in rename: No space left on device"
    assert type(from_code(1001, message)) is Retryable
    assert type(from_code(1001, "std::out_of_range: basic_string")) is Puzzling


def test_an_old_server_is_refused_with_the_reason(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanbook_storage.store.OLDEST_VERSION", (99, 1))
    with pytest.raises(Misconfigured, match="hint: use ClickHouse"):
        book.run(open_store(book.dsn))


def test_the_store_needs_no_data_frames() -> None:
    code = (
        "import sys, spanbook_storage.store\n"
        "print([name for name in ('pandas', 'numpy', 'pyarrow', 'chdb') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
