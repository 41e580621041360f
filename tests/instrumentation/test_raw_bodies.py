"""Bodies that the application reads as bytes: whatever is in them, reading and closing are as without tracing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from botocore.response import StreamingBody

import spanbook
from clients.spans import Spans
from fakes.provider import Provider
from fakes.replies import Raw, Reply
from spanbook import bedrock
from spanbook._bedrock_api import CONVERSE
from spanbook._call import Call

ANY = Exception
"""The SDK's HTTP client has its own, of another module in each generation."""
HELLO: Any = [{"role": "user", "content": "Hi"}]
TOO_DEEP = b"[" * 100_000
"""JSON that no parser follows to its end."""


@pytest.fixture
def client(fake: Provider) -> Iterator[openai.OpenAI]:
    spanbook.openai.autolog()
    with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        yield client
    spanbook.openai.unlog()


def test_a_body_that_is_nested_too_deep_is_read_and_closed(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(Raw(TOO_DEEP))
    with client.chat.completions.with_streaming_response.create(model="m", messages=HELLO) as response:
        assert b"".join(response.iter_bytes()) == TOO_DEEP
    assert response.http_response.is_closed
    assert spans.only().name == "chat m"


def test_so_is_one_of_bedrock(spans: Spans) -> None:
    body = StreamingBody(io.BytesIO(TOO_DEEP), len(TOO_DEEP))
    bedrock._watch_body(body, Call("chat", {}, reader=CONVERSE))
    assert body.read() == TOO_DEEP
    body.close()
    assert spans.only().name == "chat"


def test_nothing_read_is_not_the_end(spans: Spans) -> None:
    told = b'{"usage":{"inputTokens":5}}'
    body = StreamingBody(io.BytesIO(told), len(told))
    bedrock._watch_body(body, Call("chat", {}, reader=CONVERSE))
    assert body.read(0) == b""
    assert spans.ended == []
    assert body.read() == told
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 5


def test_a_raw_stream_that_breaks_is_an_error_with_what_was_seen(
    client: openai.OpenAI, fake: Provider, spans: Spans
) -> None:
    fake.reply(Reply(cut_after=6))
    raw = client.chat.completions.with_streaming_response
    with (
        pytest.raises(ANY) as raised,
        raw.create(model="m", messages=HELLO, stream=True) as response,
    ):
        b"".join(response.iter_bytes())
    assert_broken(spans, raised.value)


async def test_so_is_an_asynchronous_one(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(Reply(cut_after=6))

    async def read(raw: Any) -> None:
        async with raw.create(model="m", messages=HELLO, stream=True) as response:
            async for _ in response.iter_bytes():
                pass

    async with openai.AsyncOpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as other:
        with pytest.raises(ANY) as raised:
            await read(other.chat.completions.with_streaming_response)
    assert_broken(spans, raised.value)


def assert_broken(spans: Spans, error: BaseException) -> None:
    assert spans.attributes()["error.type"] == f"{type(error).__module__}.{type(error).__name__}"
    assert '"content":"Hello, ' in spans.attributes()["gen_ai.output.messages"]
    assert "gen_ai.response.finish_reasons" not in spans.attributes()
