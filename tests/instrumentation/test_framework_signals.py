"""Events and metrics of frameworks: those of the one span that bears usage, by the conventions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_trace_processors
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from pydantic import SecretStr

import spanbook
from clients.mcp_sides import Server, connected
from clients.spans import Spans
from clients.trees import counted
from conformance.allowed import unexplained
from fakes.provider import Provider
from scenarios.signals import Signals, deviations
from spanbook import _provider

DETAILS = "gen_ai.client.inference.operation.details"
MODEL_CALLS = "gen_ai.client.inference.duration"


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch, spans: Spans) -> Signals:
    signals = Signals()
    monkeypatch.setattr(_provider, "logger", lambda: signals.logger)
    monkeypatch.setattr(_provider, "meter", lambda: signals.meter)
    spanbook.configure(content="span_and_event", metrics=True)
    return signals


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    modules = (spanbook.openai, spanbook.langchain, spanbook.openai_agents, spanbook.mcp)
    for module in modules:
        module.autolog()
    yield
    for module in modules:
        module.unlog()


def measured(sdk: str, signals: Signals, spans: Spans) -> dict[str, int]:
    """How often each duration was measured; events stand for the spans that bear usage, one for one."""
    events, metrics = signals.events(), signals.metrics()
    assert unexplained(sdk, deviations(events, metrics)) == []
    assert {event.event_name for event in events} <= {DETAILS}
    ids = [span.context.span_id for span in counted(spans.ended) if span.context]
    assert sorted(event.span_id or 0 for event in events) == sorted(ids)
    durations = {name: metric for name, metric in metrics.items() if name.endswith(".duration")}
    return {name: sum(point.count for point in points(metric)) for name, metric in durations.items()}


def points(metric: Any) -> list[Any]:
    return list(metric.data.data_points)


def test_an_agent_of_langchain_measures_its_model_calls_and_its_tool_once_each(
    fake: Provider, spans: Spans, signals: Signals
) -> None:
    @tool
    def get_weather(city: str) -> str:
        """Say how the weather is."""
        return f"sunny in {city}"

    model = ChatOpenAI(model="fake-model", base_url=f"{fake.url}/v1", api_key=SecretStr("k"), max_retries=0)
    agent: Any = create_agent(model, [get_weather], name="weather")
    agent.invoke({"messages": [{"role": "user", "content": "How is it in Paris?"}]})
    found = measured("langchain", signals, spans)
    assert (found[MODEL_CALLS], found["gen_ai.execute_tool.duration"]) == (2, 1) == (len(fake.requests), 1)


async def test_an_agent_of_openais_measures_its_model_calls_and_its_tool_once_each(
    fake: Provider, spans: Spans, signals: Signals
) -> None:
    @function_tool
    def get_weather(city: str) -> str:
        """Say how the weather is."""
        return f"sunny in {city}"

    set_trace_processors([])
    async with AsyncOpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        model = OpenAIChatCompletionsModel("fake-model", client)
        await Runner.run(Agent(name="weather", tools=[get_weather], model=model), "How is it in Paris?")
    found = measured("openai_agents", signals, spans)
    assert (found[MODEL_CALLS], found["gen_ai.execute_tool.duration"]) == (2, 1) == (len(fake.requests), 1)


async def test_both_sides_of_mcp_measure_each_request(spans: Spans, signals: Signals) -> None:
    server = Server("weather")

    @server.tool()
    def get_weather(city: str) -> str:
        """Say how the weather is."""
        if city == "nowhere":
            raise ValueError("no such city")
        return f"sunny in {city}"

    async with connected(server) as client:
        for city in ("Paris", "Oslo", "nowhere"):
            await client.call_tool("get_weather", {"city": city})
    metrics = signals.metrics()
    assert unexplained("mcp", deviations(signals.events(), metrics)) == []
    for side in ("client", "server"):
        called = [
            point
            for point in points(metrics[f"mcp.{side}.operation.duration"])
            if point.attributes["mcp.method.name"] == "tools/call"
        ]
        told = {point.attributes.get("error.type"): point.count for point in called}
        assert told == {None: 2, "tool_error": 1}
