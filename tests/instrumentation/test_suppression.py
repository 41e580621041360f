"""One model call, one span that bears its usage: beside OpenTelemetry's own GenAI instrumentation, the real one."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

import spanbook
from clients.spans import Spans
from fakes.provider import Provider
from spanbook._call import Call
from spanbook._chat_completions import ChatCompletions

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
WAYS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "chat": lambda client: client.chat.completions.create(**ASK),
    "stream": lambda client: list(client.chat.completions.create(**ASK, stream=True)),
    "responses": lambda client: client.responses.create(model="m", input="Hi"),
    "embeddings": lambda client: client.embeddings.create(model="m", input="Hi"),
}


@pytest.fixture(params=["ours first", "theirs first"])
def client(request: pytest.FixtureRequest, fake: Provider, spans: Spans) -> Iterator[openai.OpenAI]:
    theirs = OpenAIInstrumentor()
    steps = [spanbook.openai.autolog, lambda: theirs.instrument(tracer_provider=spans.provider)]
    for step in steps if request.param == "ours first" else reversed(steps):
        step()
    with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k") as client:
        yield client
    spanbook.openai.unlog()
    theirs.uninstrument()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_call_that_both_see_is_one_span(client: openai.OpenAI, spans: Spans, way: Callable[..., Any]) -> None:
    way(client)
    assert spans.attributes()["gen_ai.usage.input_tokens" if way is not WAYS["stream"] else "gen_ai.response.id"]


def test_a_call_of_ours_silences_theirs_further_in(client: openai.OpenAI, spans: Spans) -> None:
    outer = Call.begin(ChatCompletions(), {"model": "outer"}, {"gen_ai.provider.name": "framework"})
    assert outer is not None
    outer.attach()
    try:
        client.chat.completions.create(**ASK)
    finally:
        outer.detach()
    outer.finish()
    assert spans.only().name == "chat outer"


def test_a_call_for_the_span_of_a_library_that_traces_itself_silences_theirs_too(
    client: openai.OpenAI, spans: Spans
) -> None:
    native = {"gen_ai.operation.name": "chat"}
    with spans.provider.get_tracer("strands").start_as_current_span("chat native", attributes=native):
        outer = Call.begin(ChatCompletions(), {"model": "outer"}, {"gen_ai.provider.name": "framework"})
        assert outer is not None
        outer.within(lambda: client.chat.completions.create(**ASK))
        outer.finish()
    assert spans.only().name == "chat native"
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 118
