"""Log events of model calls, on a switch: all of the call in one record, and an exception when there was one."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import Span, set_span_in_context

from spanbook_schemas import gen_ai

from . import _content, _provider, _records

_INFERENCE = (gen_ai.CHAT, gen_ai.GENERATE_CONTENT, gen_ai.TEXT_COMPLETION)


def emit(operation: str, attributes: Mapping[str, Any], span: Span, error: BaseException | None) -> None:
    """Emit the events of one model call that is over, in its span's context; content is structured."""
    logger = _provider.logger()
    context = set_span_in_context(span, Context())
    if operation in _INFERENCE:
        told = {name: value for name, value in attributes.items() if not name.startswith(gen_ai.OF_ONE_PROVIDER)}
        _emit(logger, gen_ai.INFERENCE_DETAILS_EVENT, SeverityNumber.DEBUG, told, context)
    if error is not None:
        told = {
            gen_ai.EXCEPTION_TYPE: attributes.get(gen_ai.ERROR_TYPE),
            gen_ai.EXCEPTION_MESSAGE: _content.redacted_text(gen_ai.EXCEPTION_MESSAGE, str(error)),
            gen_ai.EXCEPTION_STACKTRACE: _content.redacted_text(
                gen_ai.EXCEPTION_STACKTRACE, "".join(traceback.format_exception(error))
            ),
        }
        _emit(logger, gen_ai.OPERATION_EXCEPTION_EVENT, SeverityNumber.WARN, told, context)


def _emit(logger: Logger, event: str, severity: SeverityNumber, attributes: dict[str, Any], context: Context) -> None:
    record = _records.new(
        logger,
        timestamp=time.time_ns(),
        context=context,
        severity_number=severity,
        severity_text=severity.name,
        event_name=event,
        attributes=attributes,
    )
    logger.emit(record)
