"""What only Anthropic's SDK has: spans of its own, and Claude on other clouds."""

import inspect
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.resources import Messages
from anthropic.types import MessageParam
from opentelemetry import trace
from pydantic import BaseModel, ValidationError

import spanbook
from clients.spans import Spans
from clients.trees import counted, departures
from fakes.provider import Provider
from fakes.replies import Reply, ToolCall

HELLO: list[MessageParam] = [{"role": "user", "content": "Hi"}]
ASK: dict[str, Any] = {"model": "claude", "max_tokens": 64, "messages": HELLO}


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    spanbook.anthropic.autolog()
    yield
    spanbook.anthropic.unlog()


TRACES_ITSELF = "open_telemetry" in inspect.signature(anthropic.Anthropic).parameters
only_where_it_traces_itself = pytest.mark.skipif(not TRACES_ITSELF, reason="the SDK has no spans of its own yet")


@pytest.fixture
def client(fake: Provider, spans: Spans) -> Iterator[anthropic.Anthropic]:
    """A client whose own telemetry goes where ours goes."""
    native: Any = {"open_telemetry": {"tracer_provider": spans.provider}} if TRACES_ITSELF else {}
    with anthropic.Anthropic(base_url=fake.url, api_key="k", **native) as client:
        yield client


def test_the_sdks_own_span_is_silent_for_a_call_that_has_ours(client: anthropic.Anthropic, spans: Spans) -> None:
    client.messages.create(**ASK)
    list(client.messages.create(**ASK, stream=True))
    with client.messages.stream(**ASK) as stream:
        stream.get_final_message()

    assert [span.name for span in spans.ended] == ["chat claude"] * 3


@only_where_it_traces_itself
def test_calls_that_are_not_ours_keep_the_sdks_own_span(client: anthropic.Anthropic, spans: Spans) -> None:
    client.messages.count_tokens(model="claude", messages=HELLO)

    assert spans.only().name == "anthropic.messages.count_tokens"


@only_where_it_traces_itself
def test_unlog_gives_the_sdk_its_own_span_back(client: anthropic.Anthropic, spans: Spans) -> None:
    spanbook.anthropic.unlog()
    client.messages.create(**ASK)

    assert spans.only().name == "anthropic.messages.create"


def test_input_tokens_include_the_cached_ones(client: anthropic.Anthropic, spans: Spans) -> None:
    message = client.messages.create(**ASK)

    assert message.usage.input_tokens == 11
    used = {name: value for name, value in spans.attributes().items() if name.startswith("gen_ai.usage.")}
    assert used == {
        "gen_ai.usage.input_tokens": 118,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.cache_write.input_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }


def test_a_streamed_message_says_the_same_as_a_whole_one(
    client: anthropic.Anthropic, fake: Provider, spans: Spans
) -> None:
    fake.always(Reply(text="Let me look.", thinking="Hm.", tool_calls=(ToolCall(),)))
    client.messages.create(**ASK)
    list(client.messages.create(**ASK, stream=True))
    with client.beta.messages.stream(**ASK) as stream:
        stream.until_done()

    whole, *streamed = (dict(span.attributes or {}) for span in spans.ended)
    for attributes in streamed:
        assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
        assert attributes.pop("gen_ai.request.stream") is True
        assert attributes == whole


def test_blocks_of_every_kind_have_their_part(client: anthropic.Anthropic, spans: Spans) -> None:
    client.messages.create(
        model="claude",
        max_tokens=64,
        system=[{"type": "text", "text": "Be brief."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                    {"type": "text", "text": "What is it?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a cat"}]},
        ],
        tools=[{"name": "look", "description": "Looks", "input_schema": {"type": "object"}}],
    )

    attributes = spans.attributes()
    assert attributes["gen_ai.system_instructions"] == '[{"type":"text","content":"Be brief."}]'
    assert attributes["gen_ai.input.messages"] == (
        '[{"role":"user","parts":['
        '{"type":"blob","modality":"image","mime_type":"image/png","content":"AAAA"},'
        '{"type":"uri","modality":"image","uri":"https://x/y.png"},{"type":"text","content":"What is it?"}]},'
        '{"role":"assistant","parts":[{"type":"tool_call","name":"look","arguments":{"at":1},"id":"t1"}]},'
        '{"role":"tool","parts":[{"type":"tool_call_response","response":"a cat","id":"t1"}]}]'
    )
    assert attributes["gen_ai.tool.definitions"] == (
        '[{"type":"function","name":"look","description":"Looks","parameters":{"type":"object"}}]'
    )


class Weather(BaseModel):
    city: str


@pytest.mark.skipif(not hasattr(Messages, "parse"), reason="no structured output yet")
def test_an_answer_that_does_not_parse_has_been_paid_for(
    client: anthropic.Anthropic, fake: Provider, spans: Spans
) -> None:
    fake.reply(Reply('{"city":"Paris"}'), Reply("It rains."))
    assert client.messages.parse(**ASK, output_format=Weather).parsed_output == Weather(city="Paris")
    with pytest.raises(ValidationError):
        client.messages.parse(**ASK, output_format=Weather)

    parsed, failed = (dict(span.attributes or {}) for span in spans.ended)
    assert "error.type" not in parsed
    assert failed["error.type"].endswith("ValidationError")
    assert failed["gen_ai.usage.input_tokens"] == parsed["gen_ai.usage.input_tokens"] == 118
    assert departures("anthropic", spans.ended) == []


def test_each_turn_of_the_tool_runner_is_a_call(client: anthropic.Anthropic, spans: Spans) -> None:
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Current weather"""
        return "sunny"

    runner = client.beta.messages.tool_runner(**ASK, tools=[get_weather])
    assert runner.until_done().stop_reason == "end_turn"
    reasons = [(span.attributes or {})["gen_ai.response.finish_reasons"] for span in counted(spans.ended)]
    assert reasons == [("tool_calls",), ("stop",)]


def test_claude_on_bedrock_is_bedrocks(fake: Provider, spans: Spans) -> None:
    with anthropic.AnthropicBedrock(
        base_url=fake.url, aws_access_key="a", aws_secret_key="b", aws_region="us-east-1"
    ) as client:
        client.messages.create(**ASK)

    assert spans.only().name == "chat claude"
    assert spans.attributes()["gen_ai.provider.name"] == "aws.bedrock"


def test_tracing_leaves_the_global_provider_alone(client: anthropic.Anthropic) -> None:
    before = trace.get_tracer_provider()
    client.messages.create(**ASK)

    assert trace.get_tracer_provider() is before
