"""What only Cohere's SDK does: the first API's client sends many texts in batches, from threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cohere
import pytest

import spanbook
from clients.spans import Spans
from clients.trees import departures, tree
from fakes.provider import Provider

TEXTS = [f"text {number}" for number in range(100)]  # a batch is 96


@pytest.fixture
def traced() -> Iterator[None]:
    spanbook.cohere.autolog()
    yield
    spanbook.cohere.unlog()


def test_each_batch_of_texts_is_a_span_below_the_caller(fake: Provider, spans: Spans, traced: None) -> None:
    with cohere.Client(base_url=fake.url, api_key="k") as client, spanbook.start_span("caller"):
        answer = client.embed(texts=TEXTS, model="m")
    assert len(answer.texts or []) == len(TEXTS)
    assert sorted(tree(spans.ended)) == ["caller", "caller > embeddings m", "caller > embeddings m"]
    assert departures("cohere", [span for span in spans.ended if span.name != "caller"]) == []


def test_batches_are_sent_as_without_tracing(fake: Provider, spans: Spans) -> None:
    with cohere.Client(base_url=fake.url, api_key="k") as client:
        client.embed(texts=TEXTS, model="m")
        spanbook.cohere.autolog()
        client.embed(texts=TEXTS, model="m")
        spanbook.cohere.unlog()
        client.embed(texts=TEXTS, model="m")
    bodies = [request.body for request in fake.requests]
    assert set(bodies[:2]) == set(bodies[2:4]) == set(bodies[4:])
    assert len(spans.ended) == 2


def test_the_applications_own_error_is_not_the_streams(fake: Provider, spans: Spans, traced: None) -> None:
    with cohere.ClientV2(base_url=fake.url, api_key="k") as client:
        raw: Any = client.with_raw_response
        with (
            pytest.raises(LookupError),
            raw.chat_stream(model="m", messages=[{"role": "user", "content": "Hi"}]) as response,
        ):
            raise LookupError(next(response.data).type)
    assert "error.type" not in spans.attributes()
    assert spans.attributes()["spanbook.stream.end"] == "abandoned"
