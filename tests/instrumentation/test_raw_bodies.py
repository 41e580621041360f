"""Bodies that the application reads as bytes: whatever is in them, reading and closing are as without tracing."""

from __future__ import annotations

import io

import openai
from botocore.response import StreamingBody

import spanbook
from clients.spans import Spans
from fakes.provider import Provider
from fakes.replies import Raw
from spanbook import bedrock
from spanbook._bedrock_api import CONVERSE
from spanbook._call import Call

TOO_DEEP = b"[" * 100_000
"""JSON that no parser follows to its end."""


def test_a_body_that_is_nested_too_deep_is_read_and_closed(fake: Provider, spans: Spans) -> None:
    fake.reply(Raw(TOO_DEEP))
    spanbook.openai.autolog()
    try:
        with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k") as client:
            chats = client.chat.completions.with_streaming_response
            with chats.create(model="m", messages=[{"role": "user", "content": "Hi"}]) as response:
                assert b"".join(response.iter_bytes()) == TOO_DEEP
            assert response.http_response.is_closed
    finally:
        spanbook.openai.unlog()
    assert spans.only().name == "chat m"


def test_so_is_one_of_bedrock(spans: Spans) -> None:
    body = StreamingBody(io.BytesIO(TOO_DEEP), len(TOO_DEEP))
    bedrock._watch_body(body, Call("chat", {}, reader=CONVERSE))
    assert body.read() == TOO_DEEP
    body.close()
    assert spans.only().name == "chat"
