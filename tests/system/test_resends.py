"""Clients that send again: framed anew, out of order, across a restart. Views show every span once, sums are right."""

import json
import random
import time
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from clients.otlp import METHODS
from running.collector import Collector

TRACES, CALLS = 30, 3
INPUT, OUTPUT = 120, 40


def test_spans_that_are_sent_again_are_counted_once(tmp_path: Path) -> None:
    chance = random.Random(3)
    spans = [span for number in range(TRACES) for span in _trace(number)]
    with Collector(tmp_path) as collector:
        _send(collector, spans, 50)
        _until_counted(collector)
        chance.shuffle(spans)
        _send(collector, spans, 7)
        assert collector.stop() == 0
        collector.start()
        _send(collector, spans[::-1], 11)
        collector.wait_until(collector.drained, "drained")
        received = collector.value("SELECT max(received_at) FROM otel_traces")
        collector.wait_until(
            lambda: collector.metric("spanbook_derivation_lag_seconds") == 0, f"derived after {received}"
        )
        _until_counted(collector)
        assert collector.value("SELECT count() FROM spans") == len(spans)
        assert collector.value("SELECT count() FROM llm_calls") == TRACES * CALLS


def _until_counted(collector: Collector) -> None:
    """The same sums in calls, traces and usage, to the token, and they stay."""
    sums = (TRACES * CALLS * INPUT, TRACES * CALLS * OUTPUT)
    for view in ("llm_calls", "traces", "usage_hourly"):
        query = f"SELECT sum(input_tokens), sum(output_tokens) FROM {view}"
        collector.wait_until(lambda query=query: tuple(collector.query(query)[0]) == sums, f"{sums} in {view}")
    wanted = [[TRACES, TRACES * (CALLS + 1), TRACES * CALLS]]
    query = "SELECT count(), sum(span_count), sum(llm_call_count) FROM traces"
    collector.wait_until(lambda: collector.query(query) == wanted, f"{wanted} in traces")


def _trace(number: int) -> list[Span]:
    """An agent with its model calls; ids are functions of the number, times of now."""
    trace_id, now = (number + 1).to_bytes(16, "big"), time.time_ns() - 10**10
    root = _span(trace_id, 1, 0, "invoke_agent a", now, {"gen_ai.operation.name": "invoke_agent"})
    calls = [
        _span(
            trace_id,
            2 + call,
            1,
            "chat m",
            now + call * 1000,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": INPUT,
                "gen_ai.usage.output_tokens": OUTPUT,
                "gen_ai.input.messages": json.dumps([{"role": "user", "parts": []}]),
            },
        )
        for call in range(CALLS)
    ]
    return [*calls, root]  # children end first


def _span(trace_id: bytes, span: int, parent: int, name: str, start: int, attributes: dict[str, str | int]) -> Span:
    made = Span(trace_id=trace_id, span_id=span.to_bytes(8, "big"), name=name, start_time_unix_nano=start)
    made.end_time_unix_nano = start + 5_000_000
    if parent:
        made.parent_span_id = parent.to_bytes(8, "big")
    for key, value in attributes.items():
        entry = made.attributes.add(key=key)
        if isinstance(value, int):
            entry.value.int_value = value
        else:
            entry.value.string_value = value
    return made


def _send(collector: Collector, spans: list[Span], at_once: int) -> None:
    with grpc.insecure_channel(collector.grpc) as channel:
        export = channel.unary_unary(METHODS["traces"])
        for start in range(0, len(spans), at_once):
            request = ExportTraceServiceRequest()
            resource = request.resource_spans.add()
            resource.resource.attributes.add(key="service.name").value.string_value = "again"
            resource.scope_spans.add().spans.extend(spans[start : start + at_once])
            export(request.SerializeToString(), timeout=10)
