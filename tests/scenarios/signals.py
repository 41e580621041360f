"""What a call emits beside its span, with the switches on: log events and client metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, Metric

from clients.logs import InMemoryLogs
from conformance.checker import Deviation, check_event, check_metric


class Signals:
    """Events and metrics since they were last cleared."""

    def __init__(self) -> None:
        self._records = InMemoryLogs()
        loggers = LoggerProvider(shutdown_on_exit=False)
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self._records))
        delta = AggregationTemporality.DELTA
        self._reader = InMemoryMetricReader(preferred_temporality={Histogram: delta, Counter: delta})
        self.logger = loggers.get_logger("spanbook")
        self.meter = MeterProvider(metric_readers=[self._reader], shutdown_on_exit=False).get_meter("spanbook")

    def clear(self) -> None:
        self._records.clear()
        self._reader.get_metrics_data()

    def events(self) -> list[LogRecord]:
        return [finished.log_record for finished in self._records.get_finished_logs()]

    def metrics(self) -> dict[str, Metric]:
        """What was measured since the metrics were last asked for."""
        data = self._reader.get_metrics_data()
        resources = data.resource_metrics if data else []
        return {metric.name: metric for told in resources for scope in told.scope_metrics for metric in scope.metrics}


def deviations(events: list[LogRecord], metrics: dict[str, Metric]) -> Iterator[Deviation]:
    """Departures from the conventions."""
    for event in events:
        severity = event.severity_number
        yield from check_event(event.event_name or "", severity and severity.value, event.attributes or {})
    for name, metric in metrics.items():
        points: list[Any] = list(metric.data.data_points)
        bounds = getattr(points[0], "explicit_bounds", None)
        yield from check_metric(name, metric.unit or "", bounds, [point.attributes or {} for point in points])
