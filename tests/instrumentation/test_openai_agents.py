"""OpenAI's Agents SDK on the real package: trees, one usage-bearing span a model call, ids that join."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    custom_span,
    function_tool,
    input_guardrail,
    set_trace_processors,
)
from agents import trace as agents_trace
from openai import AsyncOpenAI, BadRequestError
from opentelemetry import trace

import spanbook
from clients.spans import Spans
from clients.trees import counted, departures, tree
from fakes.provider import Provider
from fakes.replies import Fault, Reply, ToolCall
from spanbook import openai, openai_agents


@pytest_asyncio.fixture
async def client(fake: Provider) -> AsyncIterator[AsyncOpenAI]:
    """The SDK's client, with both instrumented; nothing is exported to OpenAI."""
    openai_agents.autolog()
    openai.autolog()
    set_trace_processors([])
    async with AsyncOpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        yield client
    openai_agents.unlog()
    openai.unlog()


@function_tool
def get_weather(city: str) -> str:
    """Say how the weather is."""
    with spanbook.start_span("lookup"):
        return f"sunny in {city}"


def weather_agent(client: AsyncOpenAI, **options: Any) -> Agent[None]:
    model = OpenAIResponsesModel("fake-model", client)
    return Agent(name="weather", instructions="Be brief.", tools=[get_weather], model=model, **options)


AGENT = "invoke_workflow Agent workflow > invoke_agent weather"
AGENT_TREE = [
    "invoke_workflow Agent workflow",
    AGENT,
    f"{AGENT} > chat fake-model",
    f"{AGENT} > execute_tool get_weather",
    f"{AGENT} > execute_tool get_weather > lookup",
    f"{AGENT} > chat fake-model",
]


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes or {})


def conforms(spans: Spans) -> None:
    known = [span for span in spans.ended if "gen_ai.operation.name" in attributes(span)]
    assert departures("openai_agents", known) == []


async def test_an_agent_is_a_tree_of_model_calls_and_tools(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    result = await Runner.run(
        weather_agent(client), "Paris?", run_config=RunConfig(group_id="c-1", trace_metadata={"tier": "gold"})
    )
    assert result.final_output == "Hello, world. How are you?"
    assert tree(spans.ended) == AGENT_TREE
    assert len(counted(spans.ended)) == 2 == len(fake.requests)
    conforms(spans)
    root = attributes(spans.named("invoke_workflow Agent workflow"))
    agent = attributes(spans.named("invoke_agent weather"))
    for told in (root, agent):
        assert told["gen_ai.conversation.id"] == "c-1"
        assert json.loads(told["gen_ai.input.messages"])[0]["parts"][0]["content"] == "Paris?"
        assert json.loads(told["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Hello, world. How are you?"
    assert root["spanbook.metadata.tier"] == "gold"


async def test_a_tool_call_joins_the_models_by_its_id(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    calls = (ToolCall(arguments={"city": "Rome"}, id="a"), ToolCall(arguments={"city": "Oslo"}, id="b"))
    fake.reply(Reply(text="", tool_calls=calls))
    await Runner.run(weather_agent(client), "hi")
    tools = [attributes(span) for span in spans.ended if span.name == "execute_tool get_weather"]
    told = {call["gen_ai.tool.call.id"]: call["gen_ai.tool.call.result"] for call in tools}
    assert told == {"a": "sunny in Rome", "b": "sunny in Oslo"}
    assert {call["gen_ai.agent.name"] for call in tools} == {"weather"}


async def test_a_streamed_run_is_the_same_tree_and_leaves_its_consumers_context_alone(
    spans: Spans, fake: Provider, client: AsyncOpenAI
) -> None:
    run = Runner.run_streamed(weather_agent(client), "hi")
    async for _ in run.stream_events():
        assert not trace.get_current_span().get_span_context().is_valid
    assert tree(spans.ended) == AGENT_TREE
    assert len(counted(spans.ended)) == 2
    conforms(spans)


async def test_chat_completions_below_are_one_span_too(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    agent = Agent(name="plain", model=OpenAIChatCompletionsModel("fake-model", client))
    await Runner.run(agent, "hi")
    told = attributes(spans.named("chat fake-model"))
    assert told["openai.api.type"] == "chat_completions"
    assert len(counted(spans.ended)) == 1
    conforms(spans)


@pytest.mark.parametrize("model", [OpenAIChatCompletionsModel, OpenAIResponsesModel])
async def test_without_the_sdks_instrumentation_model_calls_are_told_all_the_same(
    spans: Spans, fake: Provider, client: AsyncOpenAI, model: Any
) -> None:
    openai.unlog()
    await Runner.run(Agent(name="plain", instructions="Be brief.", model=model("fake-model", client)), "hi")
    told = attributes(spans.named("chat fake-model"))
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (118, 8)
    assert "Hello" in told["gen_ai.output.messages"]
    conforms(spans)


async def test_runs_at_once_keep_their_own_children(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    with spanbook.start_span("caller"):
        await asyncio.gather(*(Runner.run(weather_agent(client), "hi") for _ in range(4)))
    assert sorted(tree(spans.ended)) == sorted(["caller", *[f"caller > {path}" for path in AGENT_TREE * 4]])


async def test_the_applications_trace_holds_several_runs(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    agent = Agent(name="plain", model=OpenAIResponsesModel("fake-model", client))
    with agents_trace("essay"), custom_span("step", {"number": 1}):
        await Runner.run(agent, "one")
        await Runner.run(agent, "two")
    step = "invoke_workflow essay > custom step"
    run = [f"{step} > invoke_agent plain", f"{step} > invoke_agent plain > chat fake-model"]
    assert tree(spans.ended) == ["invoke_workflow essay", step, *run, *run]


async def test_a_handoff_is_told_and_both_agents_are_there(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    model = OpenAIResponsesModel("fake-model", client)
    writer = Agent(name="writer", model=model)
    desk = Agent(name="desk", model=model, handoffs=[writer])
    fake.reply(Reply(text="", tool_calls=(ToolCall("transfer_to_writer", {}, "h"),)), Reply("Done."))
    result = await Runner.run(desk, "hi")
    assert result.final_output == "Done."
    handoff = spans.named("handoff writer")
    assert json.loads(attributes(handoff)["spanbook.output"]) == {"from_agent": "desk", "to_agent": "writer"}
    assert {"invoke_agent desk", "invoke_agent writer"} <= {span.name for span in spans.ended}


async def test_a_guardrail_that_trips_ends_the_run_as_failed(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    @input_guardrail
    async def polite(context: Any, agent: Any, asked: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    with pytest.raises(InputGuardrailTripwireTriggered):
        await Runner.run(weather_agent(client, input_guardrails=[polite]), "hi")
    assert json.loads(attributes(spans.named("guardrail polite"))["spanbook.output"]) == {"triggered": True}
    agent = attributes(spans.named("invoke_agent weather"))
    assert agent["error.type"] == "agents.exceptions.InputGuardrailTripwireTriggered"


async def test_an_error_reaches_the_application_unchanged_and_is_on_every_span_on_its_way(
    spans: Spans, fake: Provider, client: AsyncOpenAI
) -> None:
    fake.reply(Fault(400, "no such thing"))
    with pytest.raises(BadRequestError, match="no such thing"):
        await Runner.run(weather_agent(client), "hi")
    assert {attributes(span)["error.type"] for span in spans.ended} == {"openai.BadRequestError"}
    conforms(spans)


async def test_a_tool_that_fails_has_failed_though_the_agent_goes_on(
    spans: Spans, fake: Provider, client: AsyncOpenAI
) -> None:
    @function_tool
    def get_weather(city: str) -> str:
        """Break."""
        raise ValueError("broken")

    await Runner.run(Agent(name="weather", tools=[get_weather], model=OpenAIResponsesModel("fake-model", client)), "hi")
    tool = spans.named("execute_tool get_weather")
    assert attributes(tool)["error.type"] == "tool_error"
    assert "Error running tool" in str(tool.status.description)
    assert "error.type" not in attributes(spans.named("invoke_agent weather"))
    conforms(spans)


async def test_content_stays_away_when_it_is_not_wanted(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    spanbook.configure(content=False)
    await Runner.run(weather_agent(client), "Rome?")
    recorded = json.dumps([attributes(span) for span in spans.ended])
    assert "Rome" not in recorded
    assert "sunny" not in recorded
    assert len(counted(spans.ended)) == 2


async def test_undoing_restores_everything(spans: Spans, fake: Provider, client: AsyncOpenAI) -> None:
    openai_agents.autolog()
    await Runner.run(weather_agent(client), "hi")
    assert tree(spans.ended) == AGENT_TREE
    spans.clear()
    openai_agents.unlog()
    await Runner.run(weather_agent(client), "hi")
    assert sorted(set(tree(spans.ended))) == ["chat fake-model", "lookup"]
    spans.clear()
    openai_agents.autolog()
    await Runner.run(weather_agent(client), "hi")
    assert tree(spans.ended) == AGENT_TREE
    assert openai_agents._listener is not None
    assert len(openai_agents._listener.open) == 0
    assert openai_agents._listener._entered == {}
