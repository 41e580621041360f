"""Entities and assessments: what events say, in whatever order they come, and before or after what they are about."""

import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from spanbook_schemas.ids import experiment_id
from spanbook_storage.derivation import Derivation

NOW = time.time_ns()
SECOND = 10**9


def event(book: Any, name: str, attributes: dict[str, Any], *, at: int = 0, trace: str = "", span: str = "") -> None:
    """Send one event; `at` is in seconds from the start of the tests."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(_attributes({"service.name": "judge"}))
    resource.scope_logs.add().log_records.add(
        event_name=name,
        time_unix_nano=NOW + at * SECOND,
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(span),
        attributes=_attributes(attributes),
    )
    book.insert(request)


def span(
    book: Any, trace: str, span_id: str, attributes: dict[str, Any], resource: dict[str, Any] | None = None
) -> None:
    """Send a trace of one span."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    spans.resource.attributes.extend(_attributes({"service.name": "shop"} | (resource or {})))
    spans.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(span_id),
        name="root",
        start_time_unix_nano=NOW,
        end_time_unix_nano=NOW + SECOND,
        attributes=_attributes(attributes),
    )
    book.insert(request)
    settle(book)


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    kinds = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}
    return [KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value})) for key, value in values.items()]  # type: ignore[arg-type]


def one(book: Any, view: str, where: str, *columns: str) -> Any:
    rows = book.query(f"SELECT {', '.join(columns)} FROM {view} WHERE {where}")
    assert len(rows) == 1, rows
    return rows[0] if len(columns) > 1 else rows[0][0]


def settle(book: Any) -> None:
    derivation = Derivation(book.store)
    while book.run(derivation.tick(everything=True)):
        pass


def test_feedback_may_come_before_its_trace(book: Any) -> None:
    trace = "a1" * 16
    event(book, "gen_ai.evaluation.result", {
        "gen_ai.evaluation.name": "thumb", "gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "up",
        "gen_ai.evaluation.explanation": "quick", "spanbook.assessment.source.type": "human", "spanbook.assessment.source.id": "ann",  # noqa: E501
    }, trace=trace, span="b1" * 8)  # fmt: skip
    columns = (
        "name",
        "value",
        "score",
        "label",
        "rationale",
        "source_type",
        "source_id",
        "valid",
        "span_id",
        "experiment_id",
    )
    found = one(book, "assessments", f"trace_id = '{trace}'", *columns)
    assert found == ("thumb", "1", 1.0, "up", "quick", "HUMAN", "ann", True, "b1" * 8, None)
    span(book, trace, "b1" * 8, {})
    assert one(book, "feedback", f"trace_id = '{trace}'", "experiment_id") == experiment_id("", "shop")


def test_an_assessment_holds_until_another_overrides_it(book: Any) -> None:
    trace = "a2" * 16
    for number, (name, overrides) in enumerate([("first", ""), ("second", "first"), ("third", "second")]):
        attributes = {
            "gen_ai.evaluation.name": "quality",
            "spanbook.assessment.id": name,
            "spanbook.assessment.value": str(number),
        }
        event(
            book,
            "gen_ai.evaluation.result",
            attributes | ({"spanbook.assessment.overrides": overrides} if overrides else {}),
            trace=trace,
        )
    rows = book.query(f"SELECT assessment_id, valid FROM assessments WHERE trace_id = '{trace}' ORDER BY assessment_id")
    assert rows == [("first", False), ("second", False), ("third", True)]
    assert one(book, "feedback", f"trace_id = '{trace}'", "value") == "2"


def test_the_newest_event_of_an_assessment_stands_whichever_comes_last(book: Any) -> None:
    for at, value in ((20, '"new"'), (10, '"old"')):
        event(book, "spanbook.expectation", {
            "spanbook.assessment.name": "answer", "spanbook.assessment.id": "changed", "spanbook.assessment.value": value,  # noqa: E501
        }, at=at, trace="a3" * 16)  # fmt: skip
    assert one(book, "expectations", "assessment_id = 'changed'", "value", "name") == ('"new"', "answer")
    history = "SELECT value FROM assessment_history WHERE assessment_id = 'changed' ORDER BY changed_at"
    assert book.query(history) == [('"old"',), ('"new"',)]


def test_an_event_without_an_id_sent_twice_is_one_assessment(book: Any) -> None:
    for _ in range(2):
        event(
            book,
            "gen_ai.evaluation.result",
            {"gen_ai.evaluation.name": "once", "gen_ai.evaluation.score.label": "ok"},
            trace="a4" * 16,
        )
    found, value = one(book, "assessments", "name = 'once'", "assessment_id", "value")
    assert found.startswith("a-")
    assert json.loads(value) == "ok"
    assert one(book, "assessment_history", "name = 'once'", "count()", "any(label)") == (1, "ok")


def test_feedback_finds_its_span_by_response_id_and_never_guesses(book: Any) -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
    for name in ("unique", "doubled", "missing"):
        event(book, "gen_ai.evaluation.result", {"gen_ai.evaluation.name": name, "gen_ai.response.id": f"resp-{name}"})
    span(book, "a5" * 16, "b5" * 8, chat | {"gen_ai.response.id": "resp-unique"})
    span(book, "a6" * 16, "b6" * 8, chat | {"gen_ai.response.id": "resp-doubled"})
    span(book, "a7" * 16, "b7" * 8, chat | {"gen_ai.response.id": "resp-doubled"})
    rows = book.query(
        "SELECT name, trace_id, span_id, experiment_id FROM assessments WHERE name IN ('unique', 'doubled', 'missing') ORDER BY name"  # noqa: E501
    )
    assert rows == [
        ("doubled", None, None, None),
        ("missing", None, None, None),
        ("unique", "a5" * 16, "b5" * 8, experiment_id("", "shop")),
    ]


def test_a_session_is_judged_as_a_whole(book: Any) -> None:
    event(
        book,
        "gen_ai.evaluation.result",
        {"gen_ai.evaluation.name": "resolved", "session.id": "s-1", "spanbook.assessment.value": "true"},
    )
    assert one(book, "feedback", "session_id = 's-1'", "value", "trace_id", "score") == ("true", None, None)


def test_a_judgement_that_failed_has_an_error_and_no_value(book: Any) -> None:
    event(
        book,
        "gen_ai.evaluation.result",
        {"gen_ai.evaluation.name": "failed", "error.type": "Timeout", "spanbook.assessment.error.message": "no answer"},
        trace="a8" * 16,
    )
    assert one(book, "feedback", "name = 'failed'", "value", "error_code", "error_message") == (
        None,
        "Timeout",
        "no answer",
    )


def test_an_entity_is_what_the_newest_event_says_of_each_field(book: Any) -> None:
    run = {"spanbook.evaluation_run.id": "run-1"}
    event(
        book,
        "spanbook.evaluation_run",
        run | {"spanbook.evaluation_run.status": "FINISHED", "spanbook.evaluation_run.metric.correctness/mean": 0.75},
        at=20,
    )
    event(book, "spanbook.evaluation_run", run | {
        "spanbook.evaluation_run.status": "RUNNING", "spanbook.evaluation_run.name": "nightly", "spanbook.evaluation_run.tag.branch": "main",  # noqa: E501
        "spanbook.experiment.id": "e-1",
    }, at=10)  # fmt: skip
    found = one(book, "evaluation_runs", "run_id = 'run-1'", "name", "status", "experiment_id", "metrics", "tags")
    assert found == ("nightly", "FINISHED", "e-1", {"correctness/mean": 0.75}, {"branch": "main"})
    event(book, "spanbook.evaluation_run", run | {"spanbook.evaluation_run.deleted": "true"}, at=30)
    assert book.query("SELECT run_id FROM evaluation_runs WHERE run_id = 'run-1'") == []


def test_an_evaluation_run_has_a_result_for_each_of_its_traces(book: Any) -> None:
    trace = "a9" * 16
    span(book, trace, "b9" * 8, {"spanbook.run.id": "run-2", "spanbook.tag.record_id": "r-7"})
    event(
        book,
        "gen_ai.evaluation.result",
        {"gen_ai.evaluation.name": "correct", "gen_ai.evaluation.score.value": 0.5, "spanbook.run.id": "run-2"},
        trace=trace,
        at=5,
    )
    event(
        book,
        "spanbook.expectation",
        {"spanbook.assessment.name": "answer", "spanbook.assessment.value": '"42"'},
        trace=trace,
    )
    found = one(
        book, "evaluation_results", "run_id = 'run-2'", "trace_id", "record_id", "status", "scores", "expectations"
    )
    assert found == (trace, "r-7", "OK", {"correct": 0.5}, {"answer": '"42"'})


def test_experiments_and_models_need_no_event(book: Any) -> None:
    span(
        book,
        "c1" * 16,
        "d1" * 8,
        {},
        {"service.name": "quiet", "spanbook.model.id": "m-1", "spanbook.model.name": "quiet 1.0"},
    )
    assert one(book, "experiments", f"experiment_id = '{experiment_id('', 'quiet')}'", "name", "trace_count") == (
        "quiet",
        1,
    )
    assert one(book, "logged_models", "model_id = 'm-1'", "name", "experiment_id", "trace_count") == (
        "quiet 1.0",
        experiment_id("", "quiet"),
        1,
    )
    assert one(book, "traces", f"trace_id = '{'c1' * 16}'", "experiment_name", "model_name") == ("quiet", "quiet 1.0")


def test_renaming_an_experiment_changes_what_is_shown_and_not_its_id(book: Any) -> None:
    span(book, "c2" * 16, "d2" * 8, {}, {"service.name": "before"})
    known = experiment_id("", "before")
    event(
        book,
        "spanbook.experiment",
        {"spanbook.experiment.id": known, "spanbook.experiment.name": "after", "spanbook.experiment.tag.team": "red"},
    )
    assert one(book, "experiments", f"experiment_id = '{known}'", "name", "tags", "trace_count") == (
        "after",
        {"team": "red"},
        1,
    )
    assert one(book, "traces", f"trace_id = '{'c2' * 16}'", "experiment_name", "experiment_id") == ("after", known)


def test_a_logged_model_has_parameters_and_its_newest_metrics(book: Any) -> None:
    model = {"spanbook.logged_model.id": "m-2"}
    event(
        book,
        "spanbook.logged_model",
        model | {"spanbook.logged_model.name": "bot", "spanbook.logged_model.param.temperature": "0.2"},
    )
    for at, value in ((20, 0.9), (10, 0.1)):
        event(
            book,
            "spanbook.logged_model.metric",
            model | {"spanbook.logged_model.metric.name": "accuracy", "spanbook.logged_model.metric.value": value},
            at=at,
        )
    assert one(book, "logged_models", "model_id = 'm-2'", "name", "params", "metrics") == (
        "bot",
        {"temperature": "0.2"},
        {"accuracy": 0.9},
    )


def test_datasets_records_and_labels_are_what_their_events_say(book: Any) -> None:
    event(book, "spanbook.dataset", {"spanbook.dataset.id": "d-1", "spanbook.dataset.name": "golden"})
    event(
        book,
        "spanbook.dataset.record",
        {
            "spanbook.dataset.record.id": "dr-1",
            "spanbook.dataset.id": "d-1",
            "spanbook.dataset.record.inputs": '{"q": 1}',
        },
    )
    event(
        book,
        "spanbook.labeling_session",
        {"spanbook.labeling_session.id": "l-1", "spanbook.labeling_session.assignees": '["ann", "ben"]'},
    )
    event(
        book,
        "spanbook.labeling_item",
        {
            "spanbook.labeling_item.id": "i-1",
            "spanbook.labeling_session.id": "l-1",
            "spanbook.labeling_item.trace_id": "c1" * 16,
        },
    )
    assert one(book, "evaluation_datasets", "dataset_id = 'd-1'", "name") == "golden"
    assert one(book, "dataset_records", "record_id = 'dr-1'", "dataset_id", "inputs") == ("d-1", '{"q": 1}')
    assert one(book, "labeling_sessions", "labeling_session_id = 'l-1'", "assignees") == ["ann", "ben"]
    assert one(book, "labeling_items", "item_id = 'i-1'", "labeling_session_id", "trace_id") == ("l-1", "c1" * 16)


def test_sessions_and_agents_are_seen_from_spans(book: Any) -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    spans.resource.attributes.extend(_attributes({"service.name": "desk"}))
    scope = spans.scope_spans.add()
    for number, (parent, attributes) in enumerate([
        (b"", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "session.id": "s-2"}),
        (b"e0" * 4, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}),
        (b"e0" * 4, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-x"}),
    ]):  # fmt: skip
        scope.spans.add(
            trace_id=b"sessions" * 2, span_id=b"e%d" % number * 4, parent_span_id=parent, name=f"s{number}",
            start_time_unix_nano=NOW, end_time_unix_nano=NOW + SECOND, attributes=_attributes(attributes),
        )  # fmt: skip
    book.insert(request)
    settle(book)
    assert one(book, "sessions", "session_id = 's-2'", "trace_count", "llm_call_count", "tool_call_count") == (1, 1, 1)
    edges = book.query(
        "SELECT caller, callee, kind, calls FROM agent_edges WHERE caller IN ('planner', 'desk') ORDER BY callee"
    )
    assert edges == [("planner", "gpt-x", "llm", 1), ("desk", "planner", "agent", 1), ("planner", "search", "tool", 1)]


def test_an_edge_counts_calls_and_errors_and_says_how_long_they_take(book: Any) -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    spans.resource.attributes.extend(_attributes({"service.name": "edges"}))
    scope = spans.scope_spans.add()
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "edged"}
    scope.spans.add(
        trace_id=b"edges..." * 2, span_id=b"f" * 8, start_time_unix_nano=NOW, end_time_unix_nano=NOW + 200 * SECOND,
        attributes=_attributes(agent),
    )  # fmt: skip
    for seconds in range(1, 101):
        tool = scope.spans.add(
            trace_id=b"edges..." * 2, span_id=seconds.to_bytes(8), parent_span_id=b"f" * 8, start_time_unix_nano=NOW,
            end_time_unix_nano=NOW + seconds * SECOND,
            attributes=_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "slow"}),
        )  # fmt: skip
        if seconds <= 7:
            tool.status.code = Status.STATUS_CODE_ERROR
    book.insert(request)
    [found] = book.query("SELECT calls, errors, duration_ms_p95, kind FROM agent_edges WHERE callee = 'slow'")
    assert found == (100, 7, pytest.approx(95_000, rel=0.02), "tool")


@pytest.mark.parametrize("tag_first", [True, False])
def test_a_tag_reaches_its_trace_whichever_comes_first(book: Any, tag_first: bool) -> None:
    trace = ("ca" if tag_first else "cb") * 16
    steps = [
        lambda: event(book, "spanbook.trace.tag", {"spanbook.tag.stage": "checked"}, trace=trace),
        lambda: span(book, trace, "dd" * 8, {"spanbook.tag.stage": "raw", "spanbook.tag.color": "red"}),
    ]
    for step in steps if tag_first else reversed(steps):
        step()
        settle(book)
    assert one(book, "traces", f"trace_id = '{trace}'", "tags") == {"stage": "checked", "color": "red"}
