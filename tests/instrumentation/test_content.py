"""Content on its way out."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbook import _content, _settings

NAME = "gen_ai.input.messages"


@pytest.fixture(autouse=True)
def limits() -> Any:
    _settings.reset()
    _settings.configure(raise_errors=True)
    yield
    _settings.reset()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(json_values))
def test_values_within_the_limits_come_out_as_they_are(value: Any) -> None:
    assert json.loads(_content.encode(NAME, value)) == value


@settings(max_examples=200, deadline=None)
@given(json_values | st.floats() | st.lists(st.builds(complex, st.integers())))
def test_json_is_that_of_the_library(value: Any) -> None:
    assert _content._encode(value) == _content._encoder.encode(value)


def test_json_is_the_same_where_the_library_has_no_c_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert _content._made_once() == _content._encoder.encode


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec=None))))  # type: ignore[arg-type]
def test_whatever_comes_out_can_be_sent(value: Any) -> None:
    _content.encode(NAME, value).encode()


def test_a_lone_surrogate_costs_a_character() -> None:
    assert _content.encode(NAME, ["a\ud800b"]) == '["a?b"]'


def test_a_long_text_says_what_was_cut_of_it() -> None:
    _settings.configure(max_text=100)
    encoded = _content.encode(NAME, [{"role": "user", "parts": [{"type": "text", "content": "x" * 1000}]}])
    (message,) = json.loads(encoded)
    assert message["parts"][0]["content"] == "x" * 100 + "… [cut: 900 of 1000 characters]"


def test_many_texts_that_are_too_much_together_are_each_cut_shorter() -> None:
    _settings.configure(max_text=10_000, max_value=50_000)
    encoded = _content.encode(NAME, [{"content": "x" * 9_000} for _ in range(20)])
    assert len(encoded) <= 50_000
    assert all("[cut: " in item["content"] for item in json.loads(encoded))


def test_of_too_many_messages_the_newest_stay_and_the_rest_is_counted() -> None:
    _settings.configure(max_text=1_000, max_value=5_000)
    encoded = _content.encode(
        NAME, [{"role": "user", "parts": [{"type": "text", "content": str(i)}]} for i in range(500)]
    )
    first, *_, last = json.loads(encoded)
    assert len(encoded) <= 5_000
    assert "[cut: the first " in first["parts"][0]["content"]
    assert last["parts"][0]["content"] == "499"


@settings(max_examples=50, deadline=None)
@given(st.lists(json_values, min_size=1), st.integers(1, 400), st.integers(1, 400))
def test_whatever_is_cut_stays_whole_json(value: Any, max_text: int, max_value: int) -> None:
    _settings.configure(max_text=max_text, max_value=max_value)
    json.loads(_content.encode(NAME, value))


def test_redact_sees_every_value_with_its_path() -> None:
    seen: dict[str, Any] = {}

    def redact(path: str, value: Any) -> Any:
        seen[path] = value
        return "***" if value == "secret" else value

    _settings.configure(redact=redact)
    encoded = _content.encode("gen_ai.tool.call.arguments", {"key": "secret", "list": [1, {"deep": "secret"}]})
    assert json.loads(encoded) == {"key": "***", "list": [1, {"deep": "***"}]}
    assert seen == {
        "gen_ai.tool.call.arguments/key": "secret",
        "gen_ai.tool.call.arguments/list/0": 1,
        "gen_ai.tool.call.arguments/list/1/deep": "secret",
    }
    assert _content.encode("gen_ai.retrieval.query.text", "secret") == "***"


def test_what_redact_fails_on_does_not_leave() -> None:
    def redact(path: str, value: Any) -> Any:
        raise KeyError(path)

    _settings.configure(redact=redact, raise_errors=False)
    assert _content.encode(NAME, ["secret"]) == '["[redact failed]"]'


def test_redact_comes_before_the_cut() -> None:
    _settings.configure(max_text=10, redact=lambda path, value: value.replace("secret", "***"))
    assert "sec" not in _content.encode(NAME, ["12345678secret"])


@dataclass
class Point:
    x: int
    y: int


class Model:
    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"mode": mode}


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_objects_are_told_by_their_fields_and_the_rest_by_name() -> None:
    circle: list[Any] = []
    circle.append(circle)
    told = json.loads(_content.encode(NAME, [Point(1, 2), Model(), b"bytes", {1}, Broken(), {(1, 2): 3}]))
    assert told == [
        {"x": 1, "y": 2},
        {"mode": "json"},
        {"type": "bytes", "byte_size": 5},
        [1],
        "<Broken>",
        {"(1, 2)": 3},
    ]
    assert "[cut: too deep]" in _content.encode(NAME, circle)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("https://x/y.png", {"type": "uri", "modality": "image", "uri": "https://x/y.png"}),
        (
            "data:image/png;base64,AAAA",
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
        ),
        (
            "data:image/png;base64," + "A" * 10_000,
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "", "byte_size": 7500},
        ),
        ("data:,", {"type": "blob", "modality": "image", "content": ""}),
        ("data:nonsense", {"type": "blob", "modality": "image", "mime_type": "nonsense", "content": ""}),
    ],
)
def test_media_is_referenced_or_kept_when_it_is_small(url: str, part: dict[str, Any]) -> None:
    assert _content.media("image", url) == part


@pytest.mark.parametrize(("given", "value"), [('{"a": 1}', {"a": 1}), ("{broken", "{broken"), ({"a": 1}, {"a": 1})])
def test_tool_arguments_are_parsed_where_they_can_be(given: Any, value: Any) -> None:
    assert _content.parsed(given) == value
