"""Endpoints that Spanbook has never heard of: a span when a model answered, and none otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import groq
import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

import spanbook
from clients.spans import Spans
from clients.trees import departures
from fakes.provider import Provider
from fakes.replies import Raw
from spanbook._call import Call
from spanbook._chat_completions import ChatCompletions

ASKED = {"model": "m", "thoughts": "Hi"}
USED = {"input_tokens": 11, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 4}}
THOUGHT = {"id": "thought_1", "model": "m-2026", "text": "Hm.", "usage": USED}


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    spanbook.openai.autolog()
    spanbook.groq.autolog()
    yield
    spanbook.openai.unlog()
    spanbook.groq.unlog()


@pytest.fixture
def client(fake: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        yield client


def says(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def streams(*events: dict[str, Any]) -> Raw:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return Raw("".join([*lines, "data: [DONE]\n\n"]).encode(), content_type="text/event-stream")


def conforming(span: ReadableSpan) -> dict[str, Any]:
    assert departures("openai", [span]) == []
    return dict(span.attributes or {})


def told(fake: Provider, provider: str = "openai") -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.id": "thought_1",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "server.address": "127.0.0.1",
        "server.port": int(fake.url.rpartition(":")[2]),
    }


def test_an_answer_with_tokens_is_a_span(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(says(THOUGHT))
    with spanbook.start_span("outer") as outer:
        assert client.post("/thoughts", body=ASKED, cast_to=object) == THOUGHT
    span = spans.named("generate_content m")
    assert conforming(span) == told(fake)
    assert span.kind is SpanKind.CLIENT
    assert span.parent is not None
    assert span.parent.span_id == outer.get_span_context().span_id
    outside = spans.named("outer")
    assert (outside.start_time or 0) <= (span.start_time or 0) < (span.end_time or 0) <= (outside.end_time or 0)


async def test_so_is_it_of_an_asynchronous_client(fake: Provider, spans: Spans) -> None:
    fake.reply(says(THOUGHT))
    async with openai.AsyncOpenAI(base_url=f"{fake.url}/v1", api_key="k") as client:
        await client.post("/thoughts", body=ASKED, cast_to=object)
    assert conforming(spans.only()) == told(fake)


def test_so_is_it_of_another_sdk_of_the_kind(fake: Provider, spans: Spans) -> None:
    fake.reply(says(THOUGHT))
    with groq.Groq(base_url=fake.url, api_key="k") as client:
        client.post("/thoughts", body=ASKED, cast_to=object)
    assert conforming(spans.only()) == told(fake, "groq")


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([{"delta": "Hm", "id": "thought_1", "model": "m-2026"}, {"delta": ".", "usage": USED}], id="flat"),
        pytest.param([{"type": "delta"}, {"type": "done", "response": THOUGHT}], id="within the last event"),
    ],
)
def test_a_stream_counts_when_it_has_ended(
    client: openai.OpenAI, fake: Provider, spans: Spans, events: list[dict[str, Any]]
) -> None:
    fake.reply(streams(*events))
    body = {**ASKED, "stream": True}
    stream = client.post("/thoughts", body=body, cast_to=object, stream=True, stream_cls=openai.Stream[object])
    assert spans.ended == []
    assert list(stream) == events
    found = conforming(spans.only())
    assert found.pop("gen_ai.response.time_to_first_chunk") > 0
    assert found == {**told(fake), "gen_ai.request.stream": True}


def test_a_raw_answer_counts_when_it_is_read(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(says(THOUGHT))
    raw = {"X-Stainless-Raw-Response": "true"}
    client.post("/thoughts", body=ASKED, cast_to=object, options={"headers": raw})
    assert conforming(spans.only()) == told(fake)


def test_vectors_are_embeddings(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    used = {"prompt_tokens": 3, "total_tokens": 3}
    fake.reply(says({"model": "m-2026", "data": [{"embedding": [0.1, 0.2]}], "usage": used}))
    client.post("/multimodal/embeddings", body=ASKED, cast_to=object)
    found = conforming(spans.only())
    assert (spans.only().name, found["gen_ai.usage.input_tokens"]) == ("embeddings m", 3)


def test_within_a_call_that_has_a_span_it_adds_to_it(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(says(THOUGHT))
    owner = Call("chat", {"gen_ai.request.model": "m"}, reader=ChatCompletions())
    owner.within(lambda: client.post("/thoughts", body=ASKED, cast_to=object))
    owner.finish()
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 11


def test_what_was_no_call_leaves_the_span_of_a_library_to_the_call_that_follows(
    client: openai.OpenAI, fake: Provider, spans: Spans
) -> None:
    fake.reply(says({"object": "response.input_tokens", "input_tokens": 11}))
    native = {"gen_ai.operation.name": "chat"}
    with spans.provider.get_tracer("strands").start_as_current_span("theirs", attributes=native):
        client.post("/responses/input_tokens", body=ASKED, cast_to=object)
        client.chat.completions.create(model="m", messages=[])
    assert spans.only().name == "theirs"
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 118


@pytest.mark.parametrize(
    ("method", "body", "answer"),
    [
        pytest.param("post", ASKED, says({"id": "modr_1", "model": "m", "results": []}), id="nothing is counted"),
        pytest.param("post", ASKED, says({"model": "m", "usage": {"bytes": 12}}), id="something else is counted"),
        pytest.param("post", ASKED, says({"model": "m", "usage": {"input_tokens": 0}}), id="it comes to nothing"),
        pytest.param("post", {"metadata": {}}, says(THOUGHT), id="what was counted before is changed"),
        pytest.param("get", None, says(THOUGHT), id="what was counted before is fetched"),
        pytest.param("post", ASKED, says([THOUGHT]), id="a list"),
        pytest.param("post", ASKED, Raw(b"ID3", content_type="audio/mpeg"), id="a file"),
    ],
)
def test_what_no_model_answered_has_no_span(
    client: openai.OpenAI, fake: Provider, spans: Spans, method: str, body: Any, answer: Raw
) -> None:
    fake.reply(answer)
    if method == "get":
        client.get("/thoughts/thought_1", cast_to=object)
    else:
        client.post("/thoughts", body=body, cast_to=object)
    assert spans.ended == []


def test_nobody_knows_what_an_error_was_to_be(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(Raw(json.dumps(THOUGHT).encode(), status=429))
    with pytest.raises(openai.RateLimitError):
        client.post("/thoughts", body=ASKED, cast_to=object)
    assert spans.ended == []
