"""Spans as the tree they are, and as the conventions see them."""

from collections.abc import Iterable

from opentelemetry.sdk.trace import ReadableSpan

from conformance.allowed import unexplained
from conformance.checker import Deviation, check
from conformance.coverage import Coverage

COVERAGE = Coverage()
"""Of all spans whose departures were asked for."""
USAGE = "gen_ai.usage.input_tokens"


def tree(spans: Iterable[ReadableSpan]) -> list[str]:
    """Each span's path from its root, in the order in which they started: `a`, `a > b`, `a > b > c`."""
    spans = sorted(spans, key=lambda span: span.start_time or 0)
    by_id = {span.context.span_id: span for span in spans if span.context}

    def path(span: ReadableSpan) -> str:
        above = by_id.get(span.parent.span_id) if span.parent else None
        return f"{path(above)} > {span.name}" if above else span.name

    return [path(span) for span in spans]


def departures(sdk: str, spans: Iterable[ReadableSpan]) -> list[Deviation]:
    """Departures from the conventions that no entry of `deviations.toml` explains."""
    spans = list(spans)
    for span in spans:
        COVERAGE.add(sdk, span)
    return unexplained(sdk, [found for span in spans for found in check(span)])


def counted(spans: Iterable[ReadableSpan]) -> list[ReadableSpan]:
    """The spans that bear usage: one for each model call."""
    return [span for span in spans if USAGE in (span.attributes or {})]
