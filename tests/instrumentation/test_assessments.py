"""Feedback and expectations, as the events that leave."""

import json
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

import spanbook
from clients.logs import InMemoryLogs
from clients.spans import Spans
from spanbook import AssessmentError, AssessmentSource, _provider

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Events:
    def __init__(self) -> None:
        self._exporter = InMemoryLogs()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))

    def only(self) -> Any:
        (record,) = self._exporter.get_finished_logs()
        return record.log_record


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    recorded = Events()
    monkeypatch.setattr(_provider, "logger", lambda: recorded.provider.get_logger("test"))
    return recorded


def test_feedback_is_the_standard_event_with_ours_beside_it(events: Events) -> None:
    feedback = spanbook.log_feedback(
        trace_id=TRACE,
        span_id="b7ad6b7169203331",
        name="helpful",
        value=True,
        source=AssessmentSource("human", "bob"),
        rationale="It was.",
        metadata={"round": 1},
    )

    record = events.only()
    assert record.event_name == "gen_ai.evaluation.result"
    assert (format(record.trace_id, "032x"), format(record.span_id, "016x")) == (TRACE, "b7ad6b7169203331")
    assert record.timestamp > 0
    assert dict(record.attributes) == {
        "gen_ai.evaluation.name": "helpful",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "true",
        "gen_ai.evaluation.explanation": "It was.",
        "spanbook.assessment.id": feedback.assessment_id,
        "spanbook.assessment.value": "true",
        "spanbook.assessment.source.type": "HUMAN",
        "spanbook.assessment.source.id": "bob",
        "spanbook.assessment.metadata": '{"round": 1}',
    }


@pytest.mark.parametrize(
    ("value", "score", "label"),
    [
        (3, 3.0, None),
        (0.5, 0.5, None),
        ("good", None, "good"),
        (False, 0.0, "false"),
        ({"a": [1]}, None, None),
        ([], None, None),
        (None, None, None),
    ],
)
def test_a_value_of_any_kind_arrives(events: Events, value: Any, score: float | None, label: str | None) -> None:
    spanbook.log_feedback(trace_id=TRACE, value=value)
    attributes = events.only().attributes
    assert json.loads(attributes["spanbook.assessment.value"]) == value
    assert attributes.get("gen_ai.evaluation.score.value") == score
    assert attributes.get("gen_ai.evaluation.score.label") == label


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("no"), "ValueError", "no"),
        ("no", "ASSESSMENT_ERROR", "no"),
        (AssessmentError("TIMEOUT", "late"), "TIMEOUT", "late"),
    ],
)
def test_a_judge_that_failed_says_why(events: Events, error: Any, code: str, message: str) -> None:
    spanbook.log_feedback(trace_id=TRACE, error=error)
    attributes = dict(events.only().attributes)
    assert attributes["error.type"] == code
    assert attributes["spanbook.assessment.error.code"] == code
    assert attributes["spanbook.assessment.error.message"] == message
    assert "spanbook.assessment.value" not in attributes


def test_an_expectation_is_an_event_of_ours(events: Events) -> None:
    expectation = spanbook.log_expectation(trace_id=f"tr-{TRACE.upper()}", name="answer", value={"city": "Oslo"})
    record = events.only()
    assert record.event_name == "spanbook.expectation"
    assert format(record.trace_id, "032x") == TRACE
    assert record.span_id == 0
    assert dict(record.attributes) == {
        "spanbook.assessment.id": expectation.assessment_id,
        "spanbook.assessment.name": "answer",
        "spanbook.assessment.value": '{"city": "Oslo"}',
        "spanbook.assessment.source.type": "HUMAN",
        "spanbook.assessment.source.id": "default",
    }


def test_feedback_without_a_target_is_about_the_trace_under_way(events: Events, spans: Spans) -> None:
    with spanbook.start_span("root") as span:
        spanbook.log_feedback(value=1)
        assert format(events.only().trace_id, "032x") == span.trace_id


def test_a_response_or_a_session_can_be_judged_without_its_trace(events: Events) -> None:
    feedback = spanbook.log_feedback(response_id="resp_1", session_id="s", value=1)
    record = events.only()
    assert feedback.trace_id is None
    assert record.trace_id == 0
    assert record.attributes["gen_ai.response.id"] == "resp_1"
    assert record.attributes["session.id"] == "s"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trace_id": "nope"}, "cannot read the trace id: `nope`"),
        ({"trace_id": TRACE, "span_id": "1"}, "cannot read the span id: `1`"),
        ({"trace_id": TRACE, "name": ""}, "cannot name an assessment"),
        ({"trace_id": TRACE, "value": {1, 2}}, "cannot send a value that JSON has no word for"),
        ({"trace_id": TRACE, "metadata": {"x": object()}}, "cannot send a metadata"),
        ({"trace_id": TRACE, "source": "bob"}, "cannot use as a source: `'bob'`"),
        ({"trace_id": TRACE, "error": 7}, "cannot use as an error: `7`"),
        ({}, "cannot tell which trace is meant"),
    ],
)
def test_what_no_query_could_use_is_refused_on_the_spot(
    events: Events, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        spanbook.log_feedback(**arguments)


def test_an_expectation_of_nothing_is_refused(events: Events) -> None:
    with pytest.raises(ValueError, match="cannot expect nothing"):
        spanbook.log_expectation(trace_id=TRACE, name="answer", value=None)


@pytest.mark.parametrize(("given", "kept"), [("ai_judge", "LLM_JUDGE"), ("Code", "CODE"), ("HUMAN", "HUMAN")])
def test_source_types_are_read_in_any_case(given: str, kept: str) -> None:
    assert AssessmentSource(given).source_type == kept


def test_an_unknown_source_type_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot use the source type: `ORACLE`"):
        AssessmentSource("ORACLE")


def test_an_assessment_can_be_made_before_it_is_known_of_what(events: Events) -> None:
    made = spanbook.Feedback(name="helpful", value=0.5, rationale="half")
    assert (made.source.source_type, spanbook.Expectation(name="city").source.source_type) == ("CODE", "HUMAN")
    logged = spanbook.log_assessment(TRACE, made)
    assert (logged.trace_id, logged.value, logged.rationale) == (TRACE, 0.5, "half")
    assert events.only().event_name == "gen_ai.evaluation.result"


def test_an_expectation_is_logged_as_one(events: Events) -> None:
    spanbook.log_assessment(TRACE, spanbook.Expectation(name="city", value="Oslo"))
    assert events.only().event_name == "spanbook.expectation"
    with pytest.raises(ValueError, match="hint: Feedback"):
        spanbook.log_assessment(TRACE, spanbook.Assessment(name="city"))
