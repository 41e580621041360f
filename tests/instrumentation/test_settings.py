"""The switches of what is captured."""

from collections.abc import Iterator

import pytest

from spanbook import _settings
from spanbook._settings import CONTENT_VARIABLE, Content, configure, current


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(CONTENT_VARIABLE, raising=False)
    _settings.reset()
    yield
    monkeypatch.undo()
    _settings.reset()


@pytest.mark.parametrize(
    ("value", "span", "event"),
    [
        ("SPAN_ONLY", True, False),
        ("span_and_event", True, True),
        ("Event_Only", False, True),
        ("NO_CONTENT", False, False),
        ("true", True, False),
        ("false", False, False),
        ("ture", False, False),
    ],
)
def test_the_environment_says_where_content_goes(
    monkeypatch: pytest.MonkeyPatch, value: str, span: bool, event: bool
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, value)
    _settings.reset()
    assert (current().span_content, current().event_content) == (span, event)


def test_without_a_word_content_is_captured_only_for_a_local_collector_of_our_own() -> None:
    assert not current().span_content
    _settings.destination_is_local(True)
    assert current().span_content
    configure(content=False)
    assert not current().span_content


def test_the_environment_wins_over_the_local_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "no_content")
    _settings.reset()
    _settings.destination_is_local(True)
    assert not current().span_content


def test_configure_changes_what_it_is_given_and_nothing_else() -> None:
    configure(content=Content.SPAN_AND_EVENT, max_text=10)
    configure(metrics=True)
    assert (current().content, current().max_text, current().metrics) == (Content.SPAN_AND_EVENT, 10, True)
    assert current().emit_events
    configure(events=False)
    assert not current().emit_events


def test_what_makes_no_sense_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="which content to capture: `sometimes`"):
        configure(content="sometimes")
    with pytest.raises(ValueError, match="max_text=0"):
        configure(max_text=0)
    with pytest.raises(ValueError, match="cannot redact with"):
        configure(redact="***")  # type: ignore[arg-type]
