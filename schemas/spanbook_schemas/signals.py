"""The three OTLP signals that Spanbook takes."""

from enum import StrEnum


class Signal(StrEnum):
    """A kind of OTLP export request; the value is the last part of its HTTP path (`/v1/traces`)."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"
