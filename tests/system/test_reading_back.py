"""Traces that the SDK wrote are what the SDK reads."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import spanbook
from running.applications import run
from running.collector import Collector

PROGRAM = """
    import spanbook

    spanbook.configure(content=True)
    spanbook.set_experiment("read back")

    @spanbook.tool
    def search(query: str) -> list[str]:
        return ["one", "two"]

    @spanbook.trace
    def answer(question: str) -> str:
        spanbook.update_current_trace(tags={"team": "web"}, session_id="s-1", user_id="u-1")
        search(question)
        return "Oslo"

    for question in ("Norway?", "Sweden?"):
        answer(question)

    @spanbook.trace
    def fail():
        print(spanbook.get_current_trace_id())
        spanbook.log_feedback(name="helpful", value=0.5, rationale="half", metadata={"judge": "me"})
        spanbook.log_expectation(name="capital", value={"city": "Oslo"})
        raise KeyError("no such country")

    try:
        fail()
    except KeyError:
        pass
"""


@pytest.fixture(scope="module")
def failed(collector: Collector) -> str:
    """The id of the trace that failed, when all three are stored."""
    (trace_id,) = run(collector, PROGRAM)
    count = "SELECT count() FROM traces WHERE experiment_name = 'read back'"
    collector.wait_until(lambda: collector.value(count) == 3, "in `traces`")
    judged = "SELECT count() FROM assessments WHERE trace_id = {trace:String}"
    collector.wait_until(lambda: collector.value(judged, trace=trace_id) == 2, "in `assessments`")
    return trace_id


@pytest.fixture(autouse=True)
def store(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANBOOK_STORE", collector.store)


def test_a_trace_comes_back_with_its_spans_their_content_and_what_was_judged(failed: str) -> None:
    trace = spanbook.get_trace(f"tr-{failed.upper()}", flush=True)
    assert trace is not None
    assert (trace.trace_id, trace.name, trace.status) == (failed, "fail", "ERROR")
    (span,) = trace.spans
    assert span.status_message == "'no such country'"
    assert span.attributes["error.type"] == "KeyError"
    feedback, expectation = trace.assessments
    assert isinstance(feedback, spanbook.Feedback)
    assert (feedback.name, feedback.value, feedback.rationale) == ("helpful", 0.5, "half")
    assert feedback.metadata == {"judge": "me"}
    assert isinstance(expectation, spanbook.Expectation)
    assert (expectation.value, expectation.source.source_type) == ({"city": "Oslo"}, "HUMAN")


def test_traces_are_found_newest_first_by_what_is_known_of_them(failed: str) -> None:
    found = spanbook.search_traces(experiment_name="read back")
    assert [trace.name for trace in found] == ["fail", "answer", "answer"]
    assert found[0].trace_id == failed
    assert not found[0].spans
    known = {"session_id": "s-1", "user_id": "u-1", "status": "ok", "tags": {"team": "web"}, "max_results": 1}
    (newest,) = spanbook.search_traces(experiment_ids=[found[0].experiment_id], include_spans=True, **known)
    assert (newest.input, newest.output) == ('{"question":"Sweden?"}', '"Oslo"')
    root, tool = newest.spans
    assert (root.parent_span_id, tool.parent_span_id) == (None, root.span_id)
    assert (tool.type, json.loads(tool.attributes["gen_ai.tool.call.arguments"])) == ("tool", {"query": "Sweden?"})


def test_what_does_not_hold_finds_nothing(failed: str) -> None:
    now = datetime.now(UTC)
    assert spanbook.search_traces(experiment_name="read back", tags={"team": "mobile"}) == []
    assert spanbook.search_traces(experiment_name="read back", until=now - timedelta(days=1)) == []
    assert spanbook.search_traces(experiment_name="read back", since=now + timedelta(hours=1)) == []
    assert spanbook.get_trace("0" * 31 + "1") is None


def test_a_store_that_does_not_answer_is_named_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANBOOK_STORE", "clickhouse://user:secret@127.0.0.1:1/spanbook")
    with pytest.raises(RuntimeError, match="hint: start it with") as raised:
        spanbook.search_traces()
    assert "secret" not in str(raised.value)
