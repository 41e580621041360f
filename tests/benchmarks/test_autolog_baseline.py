"""What autolog is measured against records the same, so that it does not win or lose by what it leaves out."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import spanbook
from clients.spans import Spans
from spanbook import _provider, _settings
from spanbook_schemas import gen_ai

_FOLDER = Path(__file__).parents[2] / "benchmarks" / "autolog"


@pytest.fixture
def spans() -> Iterator[Spans]:
    recorded = Spans()
    _settings.configure(content=True, raise_errors=True)
    _provider.use(recorded.provider)
    yield recorded
    spanbook.openai.unlog()
    _provider.use(None)
    _settings.reset()


@pytest.mark.parametrize("row", ["SHORT", "LONG", "IMAGE", "STREAM"])
def test_what_is_written_by_hand_records_what_autolog_does(
    row: str, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(_FOLDER))
    cost, handwritten = import_module("cost"), import_module("handwritten")
    body, tracer = getattr(cost, row), spans.provider.get_tracer("by hand")
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(cost.respond))) as client:
        ask = handwritten.stream if body.get("stream") else handwritten.chat
        by_hand = _told(spans, ask(tracer, client, **body))
        spanbook.openai.autolog()
        by_autolog = _told(spans, client.chat.completions.create(**body))
    assert by_autolog == by_hand
    assert gen_ai.OUTPUT_MESSAGES in by_hand


def _told(spans: Spans, answer: Any) -> dict[str, Any]:
    """Return what the span of one call says, which ends when a streamed *answer* has been read."""
    if not isinstance(answer, openai.BaseModel):
        list(answer)
    span, told = spans.only(), spans.attributes()
    spans.clear()
    if gen_ai.RESPONSE_TIME_TO_FIRST_CHUNK in told:
        told[gen_ai.RESPONSE_TIME_TO_FIRST_CHUNK] = "some seconds"
    return {**told, "name": span.name, "kind": span.kind}
