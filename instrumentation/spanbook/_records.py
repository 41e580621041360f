"""Log events of the application's own: what it tells of a trace, an experiment, a model.

They name the trace by its id instead of through a span's context: one without a span id is not valid, and what is said
may be of the whole trace.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from . import _provider

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LogRecord

_TRACE_ID = re.compile(r"(?:tr-)?([0-9a-f]{32})", re.IGNORECASE)


def emit(
    event: str,
    attributes: Mapping[str, Any],
    *,
    trace_id: str | None = None,
    span_id: str | None = None,
    at: int | None = None,
) -> None:
    """Send one event, of now or of *at* (nanoseconds since the epoch); attributes that are None are not there."""
    logger = _provider.logger()
    record = new(
        logger,
        timestamp=at or time.time_ns(),
        context=Context(),
        event_name=event,
        attributes={name: value for name, value in attributes.items() if value is not None},
    )
    record.trace_id = int(trace_id, 16) if trace_id else 0
    record.span_id = int(span_id, 16) if span_id else 0
    logger.emit(record)


def new(logger: Logger, **told: Any) -> LogRecord:
    """Return a record that *logger* takes: before OpenTelemetry 1.39, an SDK exports its own kind alone."""
    from opentelemetry._logs import LogRecord, SeverityNumber

    kind: Any = getattr(sys.modules.get(type(logger).__module__), "LogRecord", LogRecord)
    if kind is not LogRecord and issubclass(kind, LogRecord):
        unsaid = {"resource": getattr(logger, "resource", None), "severity_number": SeverityNumber.UNSPECIFIED}
        return kind(**unsaid | told)  # type: ignore[no-any-return]
    return LogRecord(**told)


def trace_id_of(given: str) -> str:
    """Return a trace id as 32 lower-case hex digits; raises ValueError for what is none."""
    match = _TRACE_ID.fullmatch(given)
    if match is None:
        raise ValueError(f"cannot read the trace id: `{given}`\nhint: 32 hex digits")
    return match.group(1).lower()
