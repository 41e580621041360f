"""Experiments, models and tags as events: what is sent, and when."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

import spanbook
from clients.logs import InMemoryLogs
from clients.spans import Spans
from spanbook import _belonging, _entities, _provider
from spanbook_schemas.ids import experiment_id

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Events:
    """What was emitted so far."""

    def __init__(self) -> None:
        self._exporter = InMemoryLogs()
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))
        self.logger = provider.get_logger("test")

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        records = [finished.log_record for finished in self._exporter.get_finished_logs()]
        return [(str(record.event_name), dict(record.attributes or {})) for record in records]

    def last(self) -> Any:
        return self._exporter.get_finished_logs()[-1].log_record


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, spans: Spans) -> Iterator[Events]:
    events = Events()
    monkeypatch.setattr(_provider, "logger", lambda: events.logger)
    monkeypatch.setattr(_provider, "_known", None)
    monkeypatch.setattr(_provider, "_waiting", [])
    yield events
    _belonging.reset()
    _entities.reset()


@spanbook.trace
def step() -> None: ...


def test_an_experiment_and_a_model_are_written_down_with_the_first_span_and_once(events: Events) -> None:
    for _ in range(2):
        spanbook.set_experiment("checkout")
        spanbook.set_active_model("agent-v3")
        assert events.told() == []
    step()
    model = _belonging.id_of_model("agent-v3")
    wanted = [
        ("spanbook.experiment", {"spanbook.experiment.name": "checkout"}),
        (
            "spanbook.logged_model",
            {
                "spanbook.logged_model.id": model,
                "spanbook.logged_model.name": "agent-v3",
                "spanbook.experiment.name": "checkout",
            },
        ),
    ]
    assert events.told() == wanted
    spanbook.set_experiment("checkout")
    assert events.told() == wanted


def test_once_spans_have_somewhere_to_go_nothing_waits(events: Events) -> None:
    step()
    spanbook.set_experiment("checkout")
    assert events.told() == [("spanbook.experiment", {"spanbook.experiment.name": "checkout"})]


def test_flush_sends_what_waits_for_the_first_span(events: Events) -> None:
    spanbook.set_experiment("checkout")
    spanbook.flush()
    assert [name for name, _ in events.told()] == ["spanbook.experiment"]


def test_an_id_alone_says_nothing_that_the_spans_do_not(events: Events) -> None:
    spanbook.set_experiment(experiment_id="0123456789abcdef")
    spanbook.set_active_model(model_id="m-1")
    step()
    assert events.told() == []


def test_an_experiment_can_be_described_before_it_has_traces(events: Events) -> None:
    created = spanbook.create_experiment("checkout", description="The shop", tags={"team": "web", "tier": 1})
    assert created.experiment_id == experiment_id("", "checkout")
    assert events.told() == [
        (
            "spanbook.experiment",
            {
                "spanbook.experiment.name": "checkout",
                "spanbook.experiment.description": "The shop",
                "spanbook.experiment.tag.team": "web",
                "spanbook.experiment.tag.tier": "1",
            },
        )
    ]
    with pytest.raises(ValueError, match="cannot use an experiment name"):
        spanbook.create_experiment("")


def test_a_model_that_is_deployed_elsewhere_is_the_one_of_its_name(events: Events) -> None:
    spanbook.set_experiment(experiment_id="0123456789abcdef")
    made = spanbook.create_external_model("agent-v3", model_type="agent", params={"temperature": 0.1}, tags={"a": "b"})
    assert spanbook.set_active_model("agent-v3").model_id == made.model_id
    assert events.told()[0] == (
        "spanbook.logged_model",
        {
            "spanbook.logged_model.id": made.model_id,
            "spanbook.logged_model.name": "agent-v3",
            "spanbook.logged_model.type": "agent",
            "spanbook.logged_model.status": "READY",
            "spanbook.logged_model.param.temperature": "0.1",
            "spanbook.logged_model.tag.a": "b",
            "spanbook.experiment.id": "0123456789abcdef",
        },
    )
    with pytest.raises(ValueError, match="cannot name the model"):
        spanbook.create_external_model("")


def test_a_trace_is_tagged_and_a_tag_taken_away_by_its_id(events: Events) -> None:
    spanbook.set_trace_tag(f"tr-{TRACE}", "reviewed", True)
    assert events.told() == [("spanbook.trace.tag", {"spanbook.tag.reviewed": "True"})]
    assert events.last().trace_id == int(TRACE, 16)
    spanbook.delete_trace_tag(TRACE.upper(), "reviewed")
    assert events.told()[1] == ("spanbook.trace.tag", {"spanbook.tag.reviewed": ""})


@pytest.mark.parametrize("arguments", [("nonsense", "key", "value"), (TRACE, "", "value"), (TRACE, "key", "")])
def test_a_tag_that_cannot_be_meant_is_refused(events: Events, arguments: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        spanbook.set_trace_tag(*arguments)
    assert events.told() == []
