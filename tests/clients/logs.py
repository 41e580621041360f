"""Where a test finds the log records of its application."""

from typing import Any

import opentelemetry.sdk._logs.export as log_export

# Its name before OpenTelemetry 1.39 is what a year-old environment has.
InMemoryLogs: Any = getattr(log_export, "InMemoryLogRecordExporter", None) or vars(log_export)["InMemoryLogExporter"]
"""An exporter that keeps what it is given."""
