"""What the views have to add up to, to the token: the raw spans of model calls, each taken once."""

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
    """Wait until calls, traces and usage have the sums of what is stored; derived ones follow within seconds."""
    wanted = collector.query(_RAW)
    assert wanted[0][1] > wanted[0][2] > 0
    for view, calls in _CALLS.items():
        query = f"SELECT {calls}, sum(input_tokens), sum(output_tokens) FROM {view}"
        collector.wait_until(lambda query=query: collector.query(query) == wanted, f"{wanted} in {view}")
