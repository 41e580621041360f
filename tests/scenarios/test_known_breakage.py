"""What has broken other instrumentation and is no row of the scenario table, on the real SDKs."""

from __future__ import annotations

import base64
import copy
import inspect
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from fakes.provider import Provider
from fakes.replies import Reply
from scenarios import anthropic, litellm, openai
from scenarios import openai_shaped as shape
from scenarios.recorder import Recorder
from scenarios.row import Row, Way
from scenarios.running import logged, sdk_module, sent, shown, take
from scenarios.table import ROWS, leading

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning"),  # litellm
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),  # litellm
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),  # litellm, in a thread of its own
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # boto3, whose stream is copied
]
Clients = Callable[[Row, bool], Any]

each_sdk = pytest.mark.parametrize("row", leading(), ids=str)


@each_sdk
async def test_answers_are_copied_and_pickled_as_ever(
    row: Row, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    client, call = clients(row, False), row.ways[0]
    fake.always(Reply())
    bare = await take(call, client, row)
    with logged(row):
        traced = await take(call, client, row)
        assert type(traced) is type(bare)
        for preserved in COPIES:
            assert attempted(preserved, traced) == attempted(preserved, bare)
    assert len(recorder.finished) == 1


@each_sdk
async def test_patched_methods_can_be_inspected_and_pickled_as_ever(row: Row, clients: Clients) -> None:
    module = sdk_module(row)
    clients(row, False)  # which imports the SDK
    before = [seen_from_outside(method) for method in methods_of(module)]
    with logged(row):
        assert [seen_from_outside(method) for method in methods_of(module)] == before
    assert before


def attempted(preserved: Callable[[Any], Any], value: Any) -> Any:
    """What copying comes to; what cannot be copied is refused alike."""
    try:
        return shown(preserved(value))
    except Exception as error:
        return type(error)


def methods_of(module: Any) -> Iterator[Any]:
    """What the hooks of an SDK point to and can be called."""
    for hook in module._sdk.hooks:
        found: Any = sys.modules.get(hook.module)
        for name in hook.method.split("."):
            found = getattr(found, name, None)
        if callable(found):
            yield found


def seen_from_outside(method: Any) -> tuple[Any, ...]:
    names = (method.__name__, method.__qualname__, method.__module__, method.__doc__)
    kinds = (inspect.iscoroutinefunction(method), inspect.isgeneratorfunction(method))
    copies = [attempted(lambda each, made=made: made(each).__qualname__, method) for made in COPIES]
    return (*names, *kinds, inspect.signature(method), copies)


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


COPIES = (copy.copy, copy.deepcopy, pickled)


MEGABYTE = b"\x89PNG" + bytes(1_000_000)
IN_BASE64 = base64.b64encode(MEGABYTE).decode()
DATA_URL = f"data:image/png;base64,{IN_BASE64}"


def user(*parts: Any) -> Any:
    return [{"role": "user", "content": list(parts)}]


OPENAIS_IMAGE = {"type": "image_url", "image_url": {"url": DATA_URL}}
SOURCE = {"type": "base64", "media_type": "image/png", "data": IN_BASE64}
PICTURES: dict[str, Callable[[Any], Any]] = {
    "openai.chat": lambda client: client.chat.completions.create(model="m", messages=user(OPENAIS_IMAGE)),
    "openai.responses": lambda client: client.responses.create(
        model="m", input=user({"type": "input_image", "image_url": DATA_URL})
    ),
    "anthropic.messages": lambda client: client.messages.create(
        model="m", max_tokens=9, messages=user({"type": "image", "source": SOURCE})
    ),
    "google_genai.generate": lambda client: client.models.generate_content(
        model="m", contents=[{"parts": [{"inline_data": {"data": MEGABYTE, "mime_type": "image/png"}}]}]
    ),
    "google_genai.interactions": lambda client: client.interactions.create(
        model="m", input=[{"type": "image", "data": IN_BASE64, "mime_type": "image/png"}]
    ),
    "bedrock.converse": lambda client: client.converse(
        modelId="m", messages=user({"image": {"format": "png", "source": {"bytes": MEGABYTE}}})
    ),
    "ollama.chat": lambda client: client.chat(
        model="m", messages=[{"role": "user", "content": "Hi", "images": [MEGABYTE]}]
    ),
    "mistralai.chat": lambda client: client.chat.complete(
        model="m", messages=user({"type": "image_url", "image_url": DATA_URL})
    ),
    "cohere.chat": lambda client: client.chat(model="m", messages=user(OPENAIS_IMAGE)),
    "groq.chat": lambda client: client.chat.completions.create(model="m", messages=user(OPENAIS_IMAGE)),
    "together.chat": lambda client: client.chat.completions.create(model="m", messages=user(OPENAIS_IMAGE)),
    "fireworks.chat": lambda client: client.chat.completions.create(model="m", messages=user(OPENAIS_IMAGE)),
    "huggingface_hub.chat": lambda client: client.chat_completion(model="m", messages=user(OPENAIS_IMAGE)),
    "litellm.chat": lambda client: client("completion", {"model": "m", "messages": user(OPENAIS_IMAGE)}),
}


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in PICTURES], ids=str)
async def test_a_large_picture_is_described_and_not_copied(
    row: Row, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    with logged(row):
        PICTURES[row.name](clients(row, False))
    (span,) = recorder.finished
    told = str((span.attributes or {})["gen_ai.input.messages"])
    assert len(told) < 500
    (picture,) = [part for part in json.loads(told)[0]["parts"] if part["type"] == "blob"]
    assert picture["content"] == ""
    assert abs(picture["byte_size"] - len(MEGABYTE)) < 3


each_of_litellms = pytest.mark.parametrize(
    ("row", "way"),
    [pytest.param(row, way, id=f"{row}-{way}") for row in ROWS if row.sdk == "litellm" for way in row.ways],
)
OF_ONE_STREAM = dict.fromkeys(("gen_ai.response.id", "gen_ai.response.time_to_first_chunk"))
GIVEN_WITHOUT_NAMES: dict[str, tuple[Any, ...]] = {
    "atext_completion": ("Hello", "text-completion-openai/fake-model"),
    "aembedding": ("openai/fake-model", ["Hello"]),
    "aspeech": ("openai/fake-model", "Hello", "alloy"),
    "atranscription": ("openai/fake-model", ("a.wav", b"RIFF")),
}


class TestLiteLLM:
    """What only LiteLLM has."""

    async def test_a_model_by_another_name_is_told_as_its_provider_knows_it(
        self, fake: Provider, recorder: Recorder, clients: Clients, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = clients(litellm.CHAT, False)
        client("completion", {"model": "m", "messages": shape.MESSAGES})  # which imports the SDK
        monkeypatch.setattr(sys.modules["litellm"], "model_alias_map", {"openai/quick": "groq/fake-model"})
        with logged(litellm.CHAT):
            client("completion", {"model": "quick", "messages": shape.MESSAGES})
        (span,) = recorder.finished
        assert span.name == "chat fake-model"
        assert (span.attributes or {})["gen_ai.provider.name"] == "groq"

    @each_of_litellms
    async def test_with_what_it_calls_traced_too_a_call_is_one_span_that_says_the_same(
        self, row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        client = clients(row, way.is_async)
        fake.always(way.reply)
        with logged(row):
            await take(way, client, row)
        with logged(row), logged(openai.CHAT), logged(anthropic.MESSAGES):
            await take(way, client, row)
        alone, beside = ({**(span.attributes or {}), **OF_ONE_STREAM} for span in recorder.finished)
        assert beside == alone

    @pytest.mark.parametrize(("function", "given"), GIVEN_WITHOUT_NAMES.items())
    async def test_what_is_given_without_its_name_is_told(
        self, function: str, given: tuple[Any, ...], fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        client = clients(litellm.CHAT, False)
        client("completion", {"model": "m", "messages": shape.MESSAGES})  # which imports the SDK
        with logged(litellm.CHAT):
            await getattr(sys.modules["litellm"], function)(*given, api_base=f"{client.url}/v1", api_key="k")
        (span,) = recorder.finished
        assert (span.attributes or {})["gen_ai.request.model"] == "fake-model"
        assert (span.attributes or {})["gen_ai.provider.name"] == "openai"

    async def test_messages_that_break_off_in_a_stream_are_an_error_though_nothing_is_raised(
        self, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        row = litellm.TRANSLATED
        fake.always(Reply("A stream of some words, and then no more of them.", cut_after=6))
        with logged(row):
            told = b"".join(await litellm.messages_adrained(clients(row, True), row.fields))
        (span,) = recorder.finished
        assert b"event: error" in told
        assert span.status.status_code is StatusCode.ERROR
        assert "A stream of" in str((span.attributes or {})["gen_ai.output.messages"])

    async def test_a_router_made_before_autolog_is_traced(
        self, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        client = clients(litellm.CHAT, False)
        client("completion", {"model": "m", "messages": shape.MESSAGES})  # which imports the SDK
        place = {"model": "openai/fake-model", "api_base": f"{client.url}/v1", "api_key": "k"}
        router = sys.modules["litellm"].Router([{"model_name": "painter", "litellm_params": place}])
        with logged(litellm.CHAT):
            await router.aimage_generation(model="painter", prompt="A cat")
        (span,) = recorder.finished
        assert span.name == "generate_content fake-model"


class TestOpenAI:
    """What any SDK could be asked, asked of one."""

    async def test_values_that_stand_for_nothing_are_no_attributes(
        self, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        from openai import NOT_GIVEN, Omit

        unsaid = {"temperature": NOT_GIVEN, "top_p": Omit(), "seed": None, "stop": NOT_GIVEN, "user": Omit()}
        with logged(openai.CHAT):
            shape.create(clients(openai.CHAT, False), {"model": "m", "messages": shape.MESSAGES, **unsaid})
        (span,) = recorder.finished
        told = {name for name in span.attributes or {} if name.startswith("gen_ai.request.")}
        assert told == {"gen_ai.request.model"}

    async def test_a_stream_that_counts_nothing_has_no_usage_and_is_asked_for_none(
        self, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        fake.always(Reply(usage=None))
        with logged(openai.CHAT):
            chunks = shape.drained(clients(openai.CHAT, False), {"model": "m", "messages": shape.MESSAGES})
        (request,), (span,) = fake.requests, recorder.finished
        assert "stream_options" not in request.json
        assert all(chunk.choices for chunk in chunks)
        assert not [name for name in span.attributes or {} if name.startswith("gen_ai.usage.")]

    async def test_messages_that_can_be_read_once_are_sent_all_the_same(
        self, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        client = clients(openai.CHAT, False)

        def ask() -> Any:
            given = (message for message in shape.MESSAGES)
            return shape.create(client, {"model": "m", "messages": given})

        ask()
        with logged(openai.CHAT):
            ask()
        bare, traced = fake.requests
        assert sent(traced) == sent(bare)
        assert traced.json["messages"] == shape.MESSAGES
        assert "weather in Paris" in str((recorder.finished[0].attributes or {})["gen_ai.input.messages"])

    async def test_an_endpoint_that_is_not_known_answers_as_ever(
        self, fake: Provider, recorder: Recorder, clients: Clients
    ) -> None:
        client = clients(openai.CHAT, False)
        with logged(openai.CHAT), pytest.raises(Exception, match="no such endpoint"):
            client.post("/thoughts", body={"model": "m"}, cast_to=object)
        assert recorder.finished == []
