"""What only OpenAI's SDK has: its other endpoints, and the many services that it is the client of."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel, ValidationError

import spanbook
from clients.spans import Spans
from clients.trees import departures
from fakes.provider import Provider
from fakes.replies import Reply, ToolCall
from spanbook import _hosts

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hi"}]
ASKED = '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
ANSWERED = (
    '[{"role":"assistant","parts":[{"type":"text","content":"Hello, world. How are you?"}],"finish_reason":"stop"}]'
)
USED = {
    "gen_ai.usage.input_tokens": 118,
    "gen_ai.usage.output_tokens": 8,
    "gen_ai.usage.cache_read.input_tokens": 100,
    "gen_ai.usage.reasoning.output_tokens": 2,
}


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    spanbook.openai.autolog()
    yield
    spanbook.openai.unlog()


@pytest.fixture
def client(fake: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k") as client:
        yield client


@pytest.fixture
def common(fake: Provider) -> dict[str, Any]:
    """What every span here says."""
    return {
        "gen_ai.provider.name": "openai",
        "server.address": "127.0.0.1",
        "server.port": int(fake.url.rpartition(":")[2]),
    }


def test_a_call_is_one_client_span_with_what_was_asked_and_answered(
    client: openai.OpenAI, spans: Spans, common: dict[str, Any]
) -> None:
    completion = client.chat.completions.create(model="gpt-5", messages=HELLO)

    assert completion.choices[0].message.content == "Hello, world. How are you?"
    span = spans.only()
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-5", SpanKind.CLIENT, StatusCode.UNSET)
    assert spans.attributes() == {
        **common,
        **USED,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5",
        "gen_ai.response.id": "reply_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "gen_ai.input.messages": ASKED,
        "gen_ai.output.messages": ANSWERED,
    }


def test_responses_are_read_item_by_item(
    client: openai.OpenAI, fake: Provider, spans: Spans, common: dict[str, Any]
) -> None:
    fake.reply(Reply(text="", thinking="Hm.", tool_calls=(ToolCall(),)))
    client.responses.create(
        model="gpt-5",
        instructions="Be brief.",
        input=[
            {"role": "user", "content": "Weather?"},
            {"type": "function_call", "call_id": "c0", "name": "get_weather", "arguments": '{"city":"Rome"}'},
            {"type": "function_call_output", "call_id": "c0", "output": '{"sky":"clear"}'},
        ],
        tools=[{"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}],
        reasoning={"effort": "low"},
        max_output_tokens=64,
        previous_response_id="resp_0",
        conversation="conv_1",
        text={"format": {"type": "json_object"}},
    )

    assert spans.only().name == "chat gpt-5"
    assert spans.attributes() == {
        **common,
        **USED,
        "gen_ai.usage.cache_write.input_tokens": 7,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "gpt-5",
        "gen_ai.response.id": "reply_1",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "openai.api.type": "responses",
        "openai.response.service_tier": "default",
        "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
        "gen_ai.tool.definitions": '[{"type":"function","name":"get_weather","parameters":{"type":"object"}}]',
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Weather?"}]},'
        '{"role":"assistant","parts":[{"type":"tool_call","name":"get_weather","arguments":{"city":"Rome"},"id":"c0"}]},'
        '{"role":"tool","parts":[{"type":"tool_call_response","response":{"sky":"clear"},"id":"c0"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"reasoning","content":"Hm."},'
        '{"type":"tool_call","name":"get_weather","arguments":{"city":"Paris"},"id":"call_1"}],'
        '"finish_reason":"tool_calls"}]',
    }


def test_a_streamed_response_says_the_same_as_a_whole_one(client: openai.OpenAI, spans: Spans) -> None:
    client.responses.create(model="gpt-5", input="Hi")
    for _ in client.responses.create(model="gpt-5", input="Hi", stream=True):
        pass
    with client.responses.stream(model="gpt-5", input="Hi") as stream:
        stream.until_done()

    whole, *streamed = (dict(span.attributes or {}) for span in spans.ended)
    for attributes in streamed:
        assert attributes.pop("gen_ai.response.time_to_first_chunk") > 0
        assert attributes.pop("gen_ai.request.stream") is True
        assert attributes == whole


def test_a_response_stream_that_breaks_keeps_what_was_said(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(Reply(cut_after=6))
    error = openai.APIConnectionError if int(openai.__version__.split(".")[0]) >= 3 else httpx.RemoteProtocolError
    with pytest.raises(error):
        list(client.responses.create(model="gpt-5", input="Hi", stream=True))

    attributes = spans.attributes()
    assert attributes["error.type"] == f"{error.__module__}.{error.__name__}"
    assert attributes["gen_ai.response.id"] == "reply_1"
    assert '"content":"Hello, ' in attributes["gen_ai.output.messages"]


def test_a_response_that_failed_is_an_error_though_nothing_was_raised(
    client: openai.OpenAI, fake: Provider, spans: Spans
) -> None:
    failure = {"status": "failed", "output": [], "error": {"code": "server_error", "message": "no luck"}}
    fake.reply(Reply(edit=lambda body: body | failure))
    client.responses.create(model="gpt-5", input="Hi")

    span = spans.only()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no luck")
    assert spans.attributes()["error.type"] == "server_error"
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("error",)


class Weather(BaseModel):
    city: str


PARSED: dict[str, Callable[[openai.OpenAI], Any]] = {
    "chat": lambda client: client.chat.completions.parse(model="m", messages=HELLO, response_format=Weather),
    "responses": lambda client: client.responses.parse(model="m", input="Hi", text_format=Weather),
}


@pytest.mark.parametrize("call", PARSED.values(), ids=PARSED)
def test_an_answer_that_does_not_parse_has_been_paid_for(
    client: openai.OpenAI, fake: Provider, spans: Spans, call: Callable[[openai.OpenAI], Any]
) -> None:
    fake.reply(Reply("It rains."))
    with pytest.raises(ValidationError):
        call(client)

    told = spans.attributes()
    assert told["error.type"].endswith("ValidationError")
    assert {name: told.get(name) for name in USED} == USED
    assert "It rains." in told["gen_ai.output.messages"]
    assert departures("openai", spans.ended) == []


def test_an_answer_that_was_cut_has_been_paid_for(client: openai.OpenAI, fake: Provider, spans: Spans) -> None:
    fake.reply(Reply("It ra", finish="length"))
    with pytest.raises(openai.LengthFinishReasonError):
        PARSED["chat"](client)

    assert spans.attributes()["gen_ai.usage.output_tokens"] == 8
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("length",)


def test_fetching_a_response_is_no_model_call(client: openai.OpenAI, spans: Spans, common: dict[str, Any]) -> None:
    client.responses.retrieve("resp_7")

    assert spans.only().name == "fetch_response"
    assert spans.attributes() == {
        **common,
        "gen_ai.operation.name": "fetch_response",
        "gen_ai.response.id": "resp_7",
        "gen_ai.response.model": "stored-model",
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.api.type": "responses",
        "openai.response.service_tier": "default",
        "gen_ai.output.messages": ANSWERED,
    }


def test_what_went_on_in_the_background_is_counted_by_the_first_fetch_that_finds_it_finished(
    client: openai.OpenAI, fake: Provider, spans: Spans
) -> None:
    def queued(body: Any) -> Any:
        return body | {"status": "queued", "output": [], "usage": None}

    fake.reply(Reply(edit=queued), Reply(edit=queued))
    client.responses.create(model="gpt-5", input="Hi", background=True)
    for _ in range(3):
        client.responses.retrieve("reply_1")

    counts = [(span.attributes or {}).get("gen_ai.usage.input_tokens") for span in spans.ended]
    assert counts == [None, None, 118, None]
    assert departures("openai", spans.ended) == []


def test_a_background_stream_that_is_resumed_is_counted_once(
    client: openai.OpenAI, fake: Provider, spans: Spans
) -> None:
    stream = client.responses.create(model="gpt-5", input="Hi", background=True, stream=True)
    next(iter(stream))
    stream.close()
    for _ in range(2):
        for _ in client.responses.retrieve("reply_1", stream=True, starting_after=1):
            pass

    counts = [(span.attributes or {}).get("gen_ai.usage.input_tokens") for span in spans.ended]
    assert counts == [None, 118, None]


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_are_counted_and_not_copied(
    client: openai.OpenAI, spans: Spans, common: dict[str, Any], encoding: Any
) -> None:
    client.embeddings.create(model="embed", input=["a", "b"], encoding_format=encoding, dimensions=3)

    assert spans.only().name == "embeddings embed"
    assert spans.attributes() == {
        **common,
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": "embed",
        "gen_ai.request.encoding_formats": (encoding,),
        "gen_ai.embeddings.dimension.count": 3,
        "gen_ai.response.model": "embed",
        "gen_ai.usage.input_tokens": 118,
    }


Call = Callable[[openai.OpenAI], Any]
BESIDE_CHAT: dict[str, tuple[Call, str, str | None]] = {
    "image": (lambda client: client.images.generate(model="m", prompt="Hi"), "generate_content m", "image"),
    "speech": (
        lambda client: client.audio.speech.create(model="m", voice="a", input="Hi"),
        "generate_content m",
        "speech",
    ),
    "transcript": (
        lambda client: client.audio.transcriptions.create(model="m", file=b"RIFF"),
        "generate_content m",
        "text",
    ),
    "completion": (lambda client: client.completions.create(model="m", prompt="Hi"), "text_completion m", None),
}


@pytest.mark.parametrize(("call", "name", "output"), BESIDE_CHAT.values(), ids=BESIDE_CHAT)
def test_endpoints_beside_chat_have_spans_too(
    client: openai.OpenAI, spans: Spans, call: Call, name: str, output: str | None
) -> None:
    call(client)

    assert spans.only().name == name
    assert spans.attributes().get("gen_ai.output.type") == output


def test_a_large_image_is_described_and_not_copied(client: openai.OpenAI, spans: Spans) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": [image]}])  # type: ignore[list-item,misc]

    assert spans.attributes()["gen_ai.input.messages"] == (
        '[{"role":"user","parts":[{"type":"blob","modality":"image","mime_type":"image/png",'
        '"content":"","byte_size":750000}]}]'
    )


def test_a_client_that_is_pointed_elsewhere_says_so(client: openai.OpenAI, spans: Spans) -> None:
    client.chat.completions.create(model="gpt-5", messages=HELLO)
    client.base_url = client.base_url.copy_with(host="localhost")
    client.chat.completions.create(model="gpt-5", messages=HELLO)

    assert [(span.attributes or {})["server.address"] for span in spans.ended] == ["127.0.0.1", "localhost"]


def test_azure_is_named_by_its_client(fake: Provider, spans: Spans) -> None:
    with openai.AzureOpenAI(azure_endpoint=fake.url, api_key="k", api_version="2024-10-21") as client:
        client.chat.completions.create(model="deployment", messages=HELLO)

    assert spans.attributes()["gen_ai.provider.name"] == "azure.ai.openai"


def test_bedrock_is_named_by_its_client(fake: Provider, spans: Spans) -> None:
    bedrock = getattr(openai, "BedrockOpenAI", None) or pytest.skip("no client of Bedrock yet")
    with bedrock(base_url=f"{fake.url}/v1", api_key="k") as client:
        client.chat.completions.create(model="m", messages=HELLO)

    assert spans.attributes()["gen_ai.provider.name"] == "aws.bedrock"


@pytest.mark.parametrize(
    ("host", "port", "provider"),
    [
        ("api.openai.com", 443, "openai"),
        ("me.openai.azure.com", 443, "azure.ai.openai"),
        ("api.deepseek.com", 443, "deepseek"),
        ("api.x.ai", 443, "x_ai"),
        ("openrouter.ai", 443, "openrouter"),
        ("api.together.xyz", 443, "together"),
        ("api.fireworks.ai", 443, "fireworks"),
        ("api.perplexity.ai", 443, "perplexity"),
        ("localhost", 8000, "vllm"),
        ("localhost", 9999, "openai"),
        ("notopenrouter.ai", 443, "openai"),
    ],
)
def test_a_provider_is_named_by_its_address(host: str, port: int, provider: str) -> None:
    attributes: dict[str, Any] = {
        "gen_ai.provider.name": "openai",
        "server.address": host,
        "server.port": port,
    }
    _hosts.provider_of(object(), attributes)
    assert attributes["gen_ai.provider.name"] == provider
