"""OpenAI's own SDK against the fake provider, over a real connection."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam
from opentelemetry.trace import SpanKind, StatusCode

import spanbook
from clients.spans import Spans
from fakes.provider import Provider

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hi"}]


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    spanbook.openai.autolog()
    yield
    spanbook.openai.unlog()


@pytest.fixture
def client(fake: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k") as client:
        yield client


def expected(fake: Provider, **changes: Any) -> dict[str, Any]:
    """The span of "Hi", answered by the fake's usual reply."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5",
        "gen_ai.response.id": "reply_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 118,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "server.address": "127.0.0.1",
        "server.port": int(fake.url.rpartition(":")[2]),
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text",'
        '"content":"Hello, world. How are you?"}],"finish_reason":"stop"}]',
        **{name.replace("__", "."): value for name, value in changes.items()},
    }
    return {name: value for name, value in attributes.items() if value is not None}


def test_a_call_is_one_client_span_with_what_was_asked_and_answered(
    client: openai.OpenAI, fake: Provider, spans: Spans
) -> None:
    completion = client.chat.completions.create(model="gpt-5", messages=HELLO)

    assert completion.choices[0].message.content == "Hello, world. How are you?"
    span = spans.only()
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-5", SpanKind.CLIENT, StatusCode.UNSET)
    assert spans.attributes() == expected(fake)
