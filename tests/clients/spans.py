"""An application's tracer provider whose spans a test looks at."""

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """The spans that ended so far."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def ended(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def clear(self) -> None:
        self._exporter.clear()

    def only(self) -> ReadableSpan:
        """The one span that ended."""
        ended = self.ended
        assert len(ended) == 1, [span.name for span in ended]
        return ended[0]

    def named(self, name: str) -> ReadableSpan:
        """The one span of that name."""
        found = [span for span in self.ended if span.name == name]
        assert len(found) == 1, [span.name for span in self.ended]
        return found[0]

    def attributes(self) -> dict[str, Any]:
        """The attributes of the one span that ended."""
        return dict(self.only().attributes or {})
