"""Experiments, models, sessions, users and tags."""

from collections.abc import Iterator

import pytest
from opentelemetry import propagate
from opentelemetry._logs import NoOpLogger
from opentelemetry.context import attach, detach

import spanbook
from clients.spans import Spans
from spanbook import _belonging, _entities, _provider
from spanbook_schemas.ids import experiment_id


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_provider, "logger", lambda: NoOpLogger("test"))  # what is told of them goes nowhere
    yield
    _belonging.reset()
    _entities.reset()


@spanbook.trace
def step() -> None: ...


def of(spans: Spans, name: str) -> dict[str, object]:
    ignored = ("spanbook.input", "spanbook.output")
    return {key: value for key, value in (spans.named(name).attributes or {}).items() if key not in ignored}


def test_an_experiment_is_on_every_span_of_an_applications_own_provider(spans: Spans) -> None:
    experiment = spanbook.set_experiment("checkout")
    step()
    assert of(spans, "step") == {"spanbook.experiment.name": "checkout"}
    assert (experiment.name, experiment.experiment_id) == ("checkout", experiment_id("", "checkout"))


def test_an_experiment_by_id_replaces_one_by_name(spans: Spans) -> None:
    spanbook.set_experiment("checkout")
    spanbook.set_experiment(experiment_id="0123456789abcdef")
    step()
    assert of(spans, "step") == {"spanbook.experiment.id": "0123456789abcdef"}


@pytest.mark.parametrize("arguments", [{}, {"name": "a", "experiment_id": "b"}, {"name": ""}, {"name": "x" * 501}])
def test_an_experiment_that_cannot_be_meant_is_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        spanbook.set_experiment(**arguments)


def test_the_active_model_changes_while_the_process_runs(spans: Spans) -> None:
    spanbook.set_active_model("agent", model_id="m-1")
    with spanbook.set_active_model(model_id="m-2") as model:
        step()
        assert model.model_id == "m-2"
    assert of(spans, "step") == {"spanbook.model.id": "m-2"}
    spans.clear()
    step()
    assert of(spans, "step") == {"spanbook.model.id": "m-1", "spanbook.model.name": "agent"}
    assert spanbook.set_active_model("a").model_id == spanbook.set_active_model("a").model_id
    with pytest.raises(ValueError, match="cannot tell the model"):
        spanbook.set_active_model()


def test_what_is_set_before_spanbook_makes_its_provider_rides_on_the_resource() -> None:
    spanbook.set_experiment("checkout")
    with spanbook.set_active_model(model_id="m-passing"):
        assert _belonging.on_resource() == {"spanbook.experiment.name": "checkout"}
        assert _belonging.on_events() == {"spanbook.model.id": "m-passing"}
    assert _belonging.on_events() == {}
    spanbook.set_experiment("other")
    assert _belonging.on_events() == {"spanbook.experiment.name": "other"}


def test_a_context_reaches_every_span_in_it_and_none_after(spans: Spans) -> None:
    foreign = spans.provider.get_tracer("foreign")
    step()
    block = spanbook.context(session_id="s", user_id="u", tags={"env": "prod"}, metadata={"build": "7"})
    with block, foreign.start_as_current_span("outer"), spanbook.context(user_id="inner"):
        step()
    spans_of_block = spans.ended[1:]
    assert dict(spans_of_block[1].attributes or {}) == {
        "session.id": "s",
        "user.id": "u",
        "spanbook.tag.env": "prod",
        "spanbook.metadata.build": "7",
    }
    assert (spans_of_block[0].attributes or {})["user.id"] == "inner"
    spans.clear()
    step()
    assert of(spans, "step") == {}


def test_a_context_travels_to_other_services_as_baggage(spans: Spans) -> None:
    headers: dict[str, str] = {}
    with spanbook.context(session_id="s 1", tags={"env": "prod"}), spanbook.start_span("caller"):
        propagate.inject(headers)
    assert "session.id=s+1" in headers["baggage"]
    spans.clear()

    token = attach(propagate.extract(headers))  # the other service
    try:
        step()
    finally:
        detach(token)
    assert of(spans, "step") == {"session.id": "s 1", "spanbook.tag.env": "prod"}


def test_a_block_can_be_left_untraced(spans: Spans) -> None:
    with spanbook.context(enabled=False):
        step()
        with spanbook.start_span("block") as span:
            span.set_inputs(1)
    assert not spans.ended


def test_a_trace_under_way_can_be_added_to_from_within(spans: Spans) -> None:
    spanbook.update_current_trace(tags={"nobody": "hears"})
    with spanbook.start_span("root"), spanbook.start_span("child"):
        spanbook.update_current_trace(tags={"env": "prod"}, metadata={"n": "1"}, session_id="s", user_id="u")
    both = {"session.id": "s", "user.id": "u"}
    assert of(spans, "child") == both
    assert of(spans, "root") == both | {"spanbook.tag.env": "prod", "spanbook.metadata.n": "1"}


def test_finished_traces_are_not_kept_in_mind(spans: Spans) -> None:
    for _ in range(10):
        step()
    assert not _belonging._roots
