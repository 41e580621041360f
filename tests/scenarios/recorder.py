"""Finished spans, with what each was started with, and the events and metrics beside them."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer

from conformance.checker import Deviation, check
from conformance.coverage import Coverage
from scenarios.signals import Signals

COVERAGE = Coverage()
"""Of the whole run."""


class Recorder(SpanProcessor):
    def __init__(self, signals: Signals | None = None) -> None:
        self.signals = signals
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self)
        self.finished: list[ReadableSpan] = []
        self.begun: list[Span] = []
        self._at_start: dict[int, frozenset[str]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.begun.append(span)
        self._at_start[id(span)] = frozenset(span.attributes or ())

    def on_end(self, span: ReadableSpan) -> None:
        self.finished.append(span)

    def tracer(self) -> Tracer:
        """For spans of the application's own."""
        return self.provider.get_tracer("application")

    def clear(self) -> None:
        self.finished.clear()
        self.begun.clear()
        self._at_start.clear()
        if self.signals:
            self.signals.clear()

    @property
    def still_open(self) -> list[Span]:
        return [span for span in self.begun if span.is_recording()]

    def deviations(self, spans: Iterable[ReadableSpan]) -> list[Deviation]:
        """What `check` says of *spans*, attributes for samplers included."""
        starts = {span.get_span_context().span_id: self._at_start[id(span)] for span in self.begun}
        return [found for span in spans for found in check(span, starts.get(_id(span)))]


def _id(span: ReadableSpan) -> int:
    return span.context.span_id if span.context else 0
