"""Frameworks that trace themselves, the real ones: their model calls have one span each, whatever is traced below.

They do not allow the newest SDKs, so they live in an environment of their own (`tests/envs/native.in`).
"""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

import spanbook
from clients.spans import Spans
from clients.trees import tree
from fakes.provider import Provider
from fakes.replies import Fault
from spanbook import _provider

pytest.importorskip("google.adk", reason="needs the packages of tests/envs/native.txt")
strands: Any = pytest.importorskip("strands", reason="needs the packages of tests/envs/native.txt")

RECORDED = Spans()
trace.set_tracer_provider(RECORDED.provider)  # they keep the first one that they meet

SDKS = [spanbook.anthropic, spanbook.bedrock, spanbook.google_genai, spanbook.litellm, spanbook.openai]
MODEL = "fake-model"
ANSWER = "Hello, world. How are you?"


@pytest.fixture
def spans(spans: Spans) -> Spans:
    _provider.use(None)
    RECORDED.clear()
    return RECORDED


@pytest.fixture(params=[[], SDKS], ids=["nothing below is traced", "all below is traced"])
def below(request: pytest.FixtureRequest) -> Iterator[list[ModuleType]]:
    yield from traced(request.param)


@pytest.fixture
def all_below() -> Iterator[list[ModuleType]]:
    yield from traced(SDKS)


def traced(sdks: list[ModuleType]) -> Iterator[list[ModuleType]]:
    for sdk in sdks:
        sdk.autolog()
    yield sdks
    for sdk in sdks:
        sdk.unlog()


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch, fake: Provider) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", fake.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def get_weather(city: str) -> str:
    """Say how the weather is."""
    with spanbook.start_span("lookup"):
        return f"sunny in {city}"


# ---- Strands: an agent whose model streams, unless it is told otherwise


def strands_model(name: str, kind: str, **options: Any) -> Any:
    return getattr(importlib.import_module(f"strands.models.{name}"), kind)(**options)


def strands_agent(make: Callable[[str], Any]) -> Callable[[str], str]:
    def ask(url: str) -> str:
        tools = [strands.tool(get_weather)]
        agent = strands.Agent(make(url), name="weather", tools=tools, callback_handler=None, retry_strategy=None)
        return str(agent("Paris?")).strip()

    return ask


def openai(url: str, name: str, kind: str) -> Any:
    return strands_model(name, kind, model_id=MODEL, client_args={"api_key": "k", "base_url": f"{url}/v1"})


def anthropic(url: str) -> Any:
    options = {"model_id": MODEL, "max_tokens": 64, "client_args": {"api_key": "k", "base_url": url}}
    return strands_model("anthropic", "AnthropicModel", **options)


def bedrock(url: str, *, streaming: bool = True) -> Any:
    options = {"region_name": "us-east-1", "endpoint_url": url, "model_id": MODEL, "streaming": streaming}
    return strands_model("bedrock", "BedrockModel", **options)


def litellm(url: str) -> Any:
    options = {"model_id": f"openai/{MODEL}", "client_args": {"api_base": f"{url}/v1", "api_key": "k"}}
    return strands_model("litellm", "LiteLLMModel", **options)


# ---- Google's ADK


def adk_agent(make: Callable[[str], Any], *, streaming: bool = False) -> Callable[[str], str]:
    def ask(url: str) -> str:
        return asyncio.run(adk_run(make(url), "SSE" if streaming else "NONE"))

    return ask


async def adk_run(model: Any, mode: str) -> str:
    from google.genai import types

    agents: Any = importlib.import_module("google.adk.agents")
    modes: Any = importlib.import_module("google.adk.agents.run_config").StreamingMode
    runners: Any = importlib.import_module("google.adk.runners")
    agent = agents.Agent(model=model, name="weather", instruction="Be brief.", tools=[get_weather])
    async with runners.InMemoryRunner(agent=agent, app_name="app") as runner:
        session = await runner.session_service.create_session(app_name="app", user_id="u")
        said = types.Content(role="user", parts=[types.Part(text="Paris?")])
        config = agents.RunConfig(streaming_mode=modes[mode])
        events = runner.run_async(user_id="u", session_id=session.id, new_message=said, run_config=config)
        whole = [event.content async for event in events if event.content and not event.partial]
        return "".join(part.text or "" for content in whole for part in content.parts or ())


def lite(url: str) -> Any:
    kind = importlib.import_module("google.adk.models.lite_llm").LiteLlm
    return kind(model=f"openai/{MODEL}", api_base=f"{url}/v1", api_key="k", num_retries=0)


STRANDS = {
    "Strands over OpenAI": lambda url: openai(url, "openai", "OpenAIModel"),
    "Strands over responses": lambda url: openai(url, "openai_responses", "OpenAIResponsesModel"),
    "Strands over Anthropic": anthropic,
    "Strands over Bedrock": bedrock,
    "Strands over Bedrock, whole": lambda url: bedrock(url, streaming=False),
    "Strands over LiteLLM over OpenAI": litellm,
}
ADK = {
    "ADK over Gemini": adk_agent(lambda url: "gemini-fake"),
    "ADK over Gemini, streamed": adk_agent(lambda url: "gemini-fake", streaming=True),
    "ADK over LiteLLM over OpenAI": adk_agent(lite),
    "ADK over LiteLLM over OpenAI, streamed": adk_agent(lite, streaming=True),
}
ASK: dict[str, Callable[[str], str]] = {name: strands_agent(make) for name, make in STRANDS.items()} | ADK

ROUND = "invoke_agent weather > execute_event_loop_cycle"
STRANDS_TREE = [
    "invoke_agent weather",
    ROUND,
    f"{ROUND} > chat",
    f"{ROUND} > execute_tool get_weather",
    f"{ROUND} > execute_tool get_weather > lookup",
    ROUND,
    f"{ROUND} > chat",
]
AGENT = "invoke_workflow weather > invoke_agent weather"
ADK_TREE = [
    "invoke_workflow weather",
    AGENT,
    f"{AGENT} > generate_content",
    f"{AGENT} > execute_tool get_weather",
    f"{AGENT} > execute_tool get_weather > lookup",
    f"{AGENT} > generate_content",
]


def tree_of(spans: Spans) -> list[str]:
    """The tree, its model calls without their model."""
    return [re.sub("(generate_content) .*", r"\1", path) for path in tree(spans.ended)]


def model_calls(spans: Spans) -> list[dict[str, Any]]:
    """What the spans with usage say; not those of agents, which tell what theirs used in all."""
    told = [dict(span.attributes or {}) for span in in_order(spans)]
    counted = [one for one in told if any(name.startswith("gen_ai.usage.") for name in one)]
    return [one for one in counted if one["gen_ai.operation.name"] != "invoke_agent"]


def in_order(spans: Spans) -> list[ReadableSpan]:
    return sorted(spans.ended, key=lambda span: span.start_time or 0)


@pytest.mark.parametrize("name", ASK)
def test_each_request_is_one_span_with_usage_in_the_agents_own(
    name: str, below: list[ModuleType], spans: Spans, fake: Provider
) -> None:
    assert ASK[name](fake.url) == ANSWER
    assert tree_of(spans) == (STRANDS_TREE if name in STRANDS else ADK_TREE)
    assert len(model_calls(spans)) == 2 == len(fake.requests)
    assert {call["gen_ai.usage.input_tokens"] for call in model_calls(spans)} == {118}


@pytest.mark.parametrize("name", ASK)
def test_what_the_sdk_learns_is_on_the_frameworks_span(
    name: str, all_below: list[ModuleType], spans: Spans, fake: Provider
) -> None:
    ASK[name](fake.url)
    asked, answered = model_calls(spans)
    assert asked["server.address"] == answered["server.address"] == "127.0.0.1"
    assert "Paris?" in asked["gen_ai.input.messages"]
    assert "get_weather" in asked["gen_ai.output.messages"]
    assert "Hello" in answered["gen_ai.output.messages"]
    assert asked.get("gen_ai.response.id", "reply_1") == "reply_1"  # Bedrock's answers have none
    assert ("gen_ai.response.id" in asked) != ("Bedrock" in name)


@pytest.mark.parametrize("name", ASK)
def test_a_refusal_is_the_same_with_and_without(name: str, spans: Spans, fake: Provider) -> None:
    seen = []
    for sdks in ([], SDKS):
        fake.clear()
        fake.reply(Fault(400, "no such thing"))
        spans.clear()
        for _ in traced(sdks):
            with pytest.raises(Exception, match="no such thing") as raised:
                ASK[name](fake.url)
        seen.append((raised.type.__name__, tree_of(spans), [span.status.status_code for span in in_order(spans)]))
        assert model_calls(spans) == []
    assert seen[0] == seen[1]


def test_what_the_sdk_sends_once_more_is_the_same_call(
    all_below: list[ModuleType], spans: Spans, fake: Provider
) -> None:
    fake.reply(Fault(500))
    assert ASK["Strands over OpenAI"](fake.url) == ANSWER
    assert len(fake.requests) == 3
    assert [call.get("http.request.resend_count") for call in model_calls(spans)] == [1, None]
