"""What people, judges and code think of a trace: feedback, and what the answer should have been.

Each is an OpenTelemetry log event that names the trace it judges, so it needs no server to be known beforehand, may
come before its trace, and any OpenTelemetry client can send the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from opentelemetry.trace import get_current_span

from spanbook_schemas import gen_ai, names

from ._records import emit, trace_id_of

_SOURCE_TYPES = ("HUMAN", "LLM_JUDGE", "CODE")
_SPAN_ID = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)


@dataclass(frozen=True)
class AssessmentSource:
    """Who judged. Raises ValueError for a type other than HUMAN, LLM_JUDGE or CODE, in any case."""

    source_type: str
    source_id: str | None = "default"

    def __post_init__(self) -> None:
        kind = str(self.source_type).upper()
        kind = "LLM_JUDGE" if kind == "AI_JUDGE" else kind
        if kind not in _SOURCE_TYPES:
            raise ValueError(f"cannot use the source type: `{self.source_type}`\nhint: {', '.join(_SOURCE_TYPES)}")
        object.__setattr__(self, "source_type", kind)


@dataclass(frozen=True)
class AssessmentError:
    """Why a judgement could not be made."""

    error_code: str
    error_message: str | None = None
    stack_trace: str | None = None


def _new_id() -> str:
    import uuid

    return f"a-{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Assessment:
    """One judgement, as it was sent or is to be sent."""

    name: str
    value: Any = None
    source: AssessmentSource = None  # type: ignore[assignment]
    """When it is left out: CODE for feedback, HUMAN for an expectation."""
    rationale: str | None = None
    error: AssessmentError | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str | None = None
    span_id: str | None = None
    assessment_id: str = field(default_factory=_new_id)

    _usual_source: ClassVar[str] = "CODE"

    def __post_init__(self) -> None:
        if self.source is None:
            object.__setattr__(self, "source", AssessmentSource(self._usual_source))


class Feedback(Assessment):
    """How good an answer was."""


class Expectation(Assessment):
    """What the answer should have been."""

    _usual_source: ClassVar[str] = "HUMAN"


def log_feedback(
    *,
    trace_id: str | None = None,
    name: str = "feedback",
    value: Any = None,
    source: AssessmentSource | None = None,
    error: Exception | AssessmentError | str | None = None,
    rationale: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    span_id: str | None = None,
    response_id: str | None = None,
    session_id: str | None = None,
) -> Feedback:
    """Say how good an answer was: of a trace or a span, of a provider's response id, or of a whole session.

    Without any of them it is about the trace under way. Source: CODE unless given. Raises ValueError for what no query
    could make sense of.
    """
    target = _target(trace_id, span_id, response_id, session_id)
    feedback = Feedback(
        name=_named(name),
        value=value,
        source=_source(source, "CODE"),
        trace_id=target.trace_id,
        span_id=target.span_id,
        rationale=rationale,
        error=_error(error),
        metadata=dict(metadata or {}),
    )
    attributes = _common(feedback)
    attributes[gen_ai.EVALUATION_NAME] = feedback.name
    attributes[gen_ai.EVALUATION_EXPLANATION] = rationale
    if value is not None or error is None:
        attributes.update(_score(value))
    if feedback.error is not None:
        attributes[gen_ai.ERROR_TYPE] = feedback.error.error_code
        attributes[names.ASSESSMENT_ERROR_CODE] = feedback.error.error_code
        attributes[names.ASSESSMENT_ERROR_MESSAGE] = feedback.error.error_message
    _emit(gen_ai.EVALUATION_RESULT_EVENT, attributes, target)
    return feedback


def log_expectation(
    *,
    trace_id: str | None = None,
    name: str,
    value: Any,
    source: AssessmentSource | None = None,
    metadata: Mapping[str, Any] | None = None,
    span_id: str | None = None,
) -> Expectation:
    """Say what the answer of a trace should have been. Source: HUMAN unless given.

    Raises ValueError when there is no value or no trace.
    """
    if value is None:
        raise ValueError("cannot expect nothing: `value=None`\nhint: give the value that the answer should have")
    target = _target(trace_id, span_id, None, None)
    expectation = Expectation(
        name=_named(name),
        value=value,
        source=_source(source, "HUMAN"),
        trace_id=target.trace_id,
        span_id=target.span_id,
        metadata=dict(metadata or {}),
    )
    attributes = _common(expectation)
    attributes[names.ASSESSMENT_NAME] = expectation.name
    attributes[names.ASSESSMENT_VALUE] = _json("value", value)
    _emit(names.EXPECTATION_EVENT, attributes, target)
    return expectation


def log_assessment(trace_id: str, assessment: Assessment) -> Assessment:
    """Say of a trace what a `Feedback` or an `Expectation` says; it is sent under an id of its own.

    Raises ValueError for what no query could make sense of.
    """
    if not isinstance(assessment, Feedback | Expectation):
        raise ValueError(f"cannot log as an assessment: `{assessment!r}`\nhint: Feedback(…) or Expectation(…)")
    told: dict[str, Any] = {
        "trace_id": trace_id,
        "name": assessment.name,
        "value": assessment.value,
        "source": assessment.source,
        "metadata": assessment.metadata,
        "span_id": assessment.span_id,
    }
    if isinstance(assessment, Expectation):
        return log_expectation(**told)
    return log_feedback(**told, error=assessment.error, rationale=assessment.rationale)


@dataclass(frozen=True)
class _Target:
    trace_id: str | None = None
    span_id: str | None = None
    response_id: str | None = None
    session_id: str | None = None


def _target(trace_id: str | None, span_id: str | None, response_id: str | None, session_id: str | None) -> _Target:
    if span_id is not None and not _SPAN_ID.fullmatch(span_id):
        raise ValueError(f"cannot read the span id: `{span_id}`\nhint: 16 hex digits")
    if trace_id is None and (response_id or session_id):
        return _Target(None, span_id, response_id, session_id)
    if trace_id is None:
        context = get_current_span().get_span_context()
        if not context.is_valid:
            raise ValueError("cannot tell which trace is meant\nhint: trace_id=spanbook.get_current_trace_id() in it")
        return _Target(format(context.trace_id, "032x"), span_id, response_id, session_id)
    return _Target(trace_id_of(trace_id), span_id and span_id.lower(), response_id, session_id)


def _named(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"cannot name an assessment: `{name!r}`\nhint: a word such as 'helpful'")
    return name


def _source(source: AssessmentSource | None, kind: str) -> AssessmentSource:
    if source is None:
        return AssessmentSource(kind)
    if not isinstance(source, AssessmentSource):
        raise ValueError(f"cannot use as a source: `{source!r}`\nhint: AssessmentSource('HUMAN', 'bob')")
    return source


def _error(error: Exception | AssessmentError | str | None) -> AssessmentError | None:
    if error is None or isinstance(error, AssessmentError):
        return error
    if isinstance(error, Exception):
        import traceback

        trace = "".join(traceback.format_exception(error))
        return AssessmentError(type(error).__name__, str(error), trace)
    if isinstance(error, str):
        return AssessmentError("ASSESSMENT_ERROR", error)
    raise ValueError(f"cannot use as an error: `{error!r}`\nhint: an exception, a text or an AssessmentError")


def _score(value: Any) -> dict[str, Any]:
    """Return the value as JSON, and as the score or the label that every OpenTelemetry consumer knows."""
    found: dict[str, Any] = {names.ASSESSMENT_VALUE: _json("value", value)}
    if isinstance(value, bool):
        found[gen_ai.EVALUATION_SCORE_VALUE] = float(value)
        found[gen_ai.EVALUATION_SCORE_LABEL] = "true" if value else "false"
    elif isinstance(value, int | float):
        found[gen_ai.EVALUATION_SCORE_VALUE] = float(value)
    elif isinstance(value, str):
        found[gen_ai.EVALUATION_SCORE_LABEL] = value
    return found


def _common(assessment: Assessment) -> dict[str, Any]:
    return {
        names.ASSESSMENT_ID: assessment.assessment_id,
        names.ASSESSMENT_SOURCE_TYPE: assessment.source.source_type,
        names.ASSESSMENT_SOURCE_ID: assessment.source.source_id,
        names.ASSESSMENT_METADATA: _json("metadata", assessment.metadata) if assessment.metadata else None,
    }


def _json(what: str, value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot send a {what} that JSON has no word for: {error}") from error


def _emit(event: str, attributes: dict[str, Any], target: _Target) -> None:
    from ._belonging import on_events

    told = {**attributes, gen_ai.RESPONSE_ID: target.response_id, gen_ai.SESSION_ID: target.session_id, **on_events()}
    emit(event, told, trace_id=target.trace_id, span_id=target.span_id)
