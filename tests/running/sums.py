"""What the views have to add up to, to the token: the raw spans of model calls, each taken once."""

from functools import partial
from typing import Any

from running.collector import Collector

_RAW = """
    SELECT count(), sum(read), sum(written) FROM (
        SELECT
            any(toUInt64(SpanAttributes['gen_ai.usage.input_tokens'])) AS read,
            any(toUInt64(SpanAttributes['gen_ai.usage.output_tokens'])) AS written
        FROM otel_traces WHERE SpanAttributes['gen_ai.operation.name'] = 'chat' GROUP BY TraceId, SpanId
    )
"""
_CALLS = {"llm_calls": "count()", "traces": "sum(llm_call_count)", "usage_hourly": "sum(calls)"}


def wait_for_right_sums(collector: Collector) -> None:
    """Wait until calls, traces and usage have the sums of what is stored.

    Usage is computed in a twentieth of the time at most: on a busy machine a minute after the last time.
    """
    wanted = collector.query(_RAW)
    assert wanted[0][1] > wanted[0][2] > 0
    for view, calls in _CALLS.items():
        query = f"SELECT {calls}, sum(input_tokens), sum(output_tokens) FROM {view}"
        collector.wait_until(partial(_gives, collector, query, wanted), f"{wanted} in {view}", seconds=180)


def _gives(collector: Collector, query: str, wanted: list[list[Any]]) -> bool:
    return collector.query(query) == wanted
