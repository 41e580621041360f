"""The views over spans: each once, content from wherever it came."""

import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

VIEWS = [
    "spans",
    "llm_calls",
    "tool_calls",
    "retrievals",
    "otel_traces_full",
    "otel_traces_trace_id_ts",
    "span_messages",
]


def chat(trace_id: bytes, answer: str = "", **attributes: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=trace_id, span_id=b"12345678", name="chat")
    span.start_time_unix_nano = 1_795_000_000_123_456_789
    span.end_time_unix_nano = span.start_time_unix_nano + 1_500_000
    if answer:
        attributes["gen_ai.output.messages"] = answer
    for key, value in {"gen_ai.operation.name": "chat", **attributes}.items():
        span.attributes.add(key=key).value.string_value = value
    return request


def test_a_span_that_came_twice_is_shown_once_and_the_newest_stands(book: Any) -> None:
    trace_id, now = b"twice".ljust(16, b"."), time.time_ns()
    book.insert(chat(trace_id, "late"), received_at=now + 10**9)
    book.insert(chat(trace_id, "early"), received_at=now)
    assert book.query("SELECT count() FROM otel_traces WHERE TraceId = {t:String}", t=trace_id.hex()) == [(2,)]
    for view in ("spans", "llm_calls", "otel_traces_full"):
        column = "TraceId" if view == "otel_traces_full" else "trace_id"
        assert book.query(f"SELECT count() FROM {view} WHERE {column} = {{t:String}}", t=trace_id.hex()) == [(1,)]
    assert book.query("SELECT output_messages FROM llm_calls WHERE trace_id = {t:String}", t=trace_id.hex()) == [
        ("late",)
    ]
    assert book.query(
        "SELECT name, output_preview, status, duration_ms FROM trace_spans(trace_id = {t:String})", t=trace_id.hex()
    ) == [("chat", "late", "OK", 1.5)]


@pytest.mark.parametrize("records_first", [True, False])
def test_messages_in_log_records_reach_their_call_before_or_after_it(book: Any, records_first: bool) -> None:
    trace_id = bytes([records_first]) * 16
    logs = ExportLogsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    details = records.add(
        trace_id=trace_id, span_id=b"12345678", event_name="gen_ai.client.inference.operation.details"
    )
    details.time_unix_nano = time.time_ns()
    details.attributes.add(key="gen_ai.input.messages").value.string_value = "[1]"
    for number, body in enumerate(
        ('{"content": "b"}', '{"index": 0, "finish_reason": "stop", "message": {"content": "c"}}')
    ):
        record = records.add(trace_id=trace_id, span_id=b"12345678", time_unix_nano=details.time_unix_nano + number)
        record.event_name = ("gen_ai.user.message", "gen_ai.choice")[number]
        record.body.string_value = body
    for request in (logs, chat(trace_id)) if records_first else (chat(trace_id), logs):
        book.insert(request)
    assert book.query(
        "SELECT input_messages, output_messages FROM llm_calls WHERE trace_id = {t:String}", t=trace_id.hex()
    ) == [("[1]", '[{"role":"assistant","parts":[{"type":"text","content":"c"}],"finish_reason":"stop"}]')]


def test_a_word_finds_the_calls_that_said_it_wherever_it_came_from(book: Any) -> None:
    asked, answered, logged = (bytes([200 + number]) * 16 for number in range(3))
    book.insert(chat(asked, **{"gen_ai.input.messages": '[{"content": "My Voucher is gone"}]'}))
    book.insert(chat(answered, '[{"content": "the voucher, sir"}]'))
    book.insert(chat(logged))
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(trace_id=logged, span_id=b"12345678")
    record.event_name, record.body.string_value = "gen_ai.user.message", '{"content": "a VOUCHER"}'
    record.time_unix_nano = time.time_ns()
    book.insert(logs)
    for word, found in (("voucher", [asked, answered, logged]), ("Gone", [asked]), ("vouch", [])):
        rows = book.query(f"SELECT trace_id FROM calls_with_word(word = '{word}') ORDER BY trace_id")
        assert rows == [(trace.hex(),) for trace in found]


def test_a_session_is_the_session_id_else_the_conversation(book: Any) -> None:
    for number, given in enumerate(
        ({"session.id": "s", "gen_ai.conversation.id": "c"}, {"gen_ai.conversation.id": "c"}, {})
    ):
        trace_id = bytes([100 + number]) * 16
        book.insert(chat(trace_id, **given))
        assert book.query("SELECT session_id FROM spans WHERE trace_id = {t:String}", t=trace_id.hex()) == [
            (("s", "c", None)[number],)
        ]


def test_filters_on_time_and_trace_reach_the_indexes(book: Any) -> None:
    book.insert(chat(b"pruned".ljust(16, b".")))
    for condition in ("start_time > '2030-01-01 00:00:00'", "trace_id = 'absent'"):
        plan = "\n".join(row[0] for row in book.query(f"EXPLAIN indexes = 1 SELECT name FROM spans WHERE {condition}"))
        assert "Parts: 0 | Granules: 0" in plan, plan


def test_every_view_and_column_is_explained(book: Any) -> None:
    assert (
        book.query(
            """SELECT table, name FROM system.columns
            WHERE database = currentDatabase() AND comment = '' AND table IN {v:Array(String)}""",
            v=[*VIEWS, "otel_traces", "span_content"],
        )
        == []
    )
