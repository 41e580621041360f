"""Pydantic AI on the real package: its own spans, routed; one usage-bearing span a model call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from opentelemetry import trace
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import spanbook
from clients.spans import Spans
from clients.trees import counted, tree
from fakes.provider import Provider
from fakes.replies import Fault
from spanbook import openai, pydantic_ai


@pytest_asyncio.fixture
async def agent(fake: Provider) -> AsyncIterator[Agent[None, str]]:
    pydantic_ai.autolog()
    openai.autolog()
    async with AsyncOpenAI(base_url=f"{fake.url}/v1", api_key="k", max_retries=0) as client:
        model = OpenAIChatModel("fake-model", provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, name="weather", instructions="Be brief.")

        @agent.tool_plain
        def get_weather(city: str) -> str:
            """Say how the weather is."""
            with spanbook.start_span("lookup"):
                return f"sunny in {city}"

        yield agent
    pydantic_ai.unlog()
    openai.unlog()


AGENT_TREE = [
    "invoke_agent weather",
    "invoke_agent weather > chat fake-model",
    "invoke_agent weather > execute_tool get_weather",
    "invoke_agent weather > execute_tool get_weather > lookup",
    "invoke_agent weather > chat fake-model",
]


def tree_of(spans: Spans) -> list[str]:
    """The tree, without what releases before 2.0 put around all tools."""
    paths = [path for path in tree(spans.ended) if not path.endswith("running tools")]
    return [path.replace("running tools > ", "") for path in paths]


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_its_own_spans_arrive_and_the_sdk_below_repeats_none(
    spans: Spans, fake: Provider, agent: Agent[None, str]
) -> None:
    result = await agent.run("Paris?")
    assert result.output == "Hello, world. How are you?"
    assert tree_of(spans) == AGENT_TREE
    assert len(counted(spans.ended)) == 2 == len(fake.requests)
    assert {span.instrumentation_scope.name for span in spans.ended if span.instrumentation_scope} == {
        "pydantic-ai",
        "spanbook",
    }


async def test_what_the_sdk_learns_is_added_to_its_model_calls(
    spans: Spans, fake: Provider, agent: Agent[None, str]
) -> None:
    await agent.run("Paris?")
    told = attributes(counted(spans.ended)[0])
    assert told["openai.response.system_fingerprint"] == "fp_1"
    assert told["gen_ai.response.id"] == "reply_1"
    assert "Paris?" in told["gen_ai.input.messages"]


async def test_a_streamed_run_is_the_same_tree(spans: Spans, fake: Provider, agent: Agent[None, str]) -> None:
    async with agent.run_stream("Paris?") as run:
        async for _ in run.stream_text():
            pass
    assert not trace.get_current_span().get_span_context().is_valid
    assert tree_of(spans) == AGENT_TREE


async def test_content_stays_away_when_it_is_not_wanted(spans: Spans, fake: Provider, agent: Agent[None, str]) -> None:
    spanbook.configure(content=False)
    await agent.run("Rome?")
    recorded = json.dumps([attributes(span) for span in spans.ended])
    assert "Rome" not in recorded
    assert "sunny" not in recorded
    assert len(counted(spans.ended)) == 2


async def test_a_redact_hook_sees_what_leaves(spans: Spans, fake: Provider, agent: Agent[None, str]) -> None:
    spanbook.configure(redact=lambda path, value: str(value).replace("Paris", "[city]"))
    await agent.run("Paris?")
    assert "Paris" not in json.dumps([attributes(span) for span in spans.ended])


async def test_an_error_reaches_the_application(spans: Spans, fake: Provider, agent: Agent[None, str]) -> None:
    fake.reply(Fault(400, "no such thing"))
    with pytest.raises(Exception, match="no such thing"):
        await agent.run("hi")
    assert tree_of(spans) == AGENT_TREE[:2]
    assert [span.status.status_code.name for span in spans.ended] == ["ERROR", "ERROR"]
    assert attributes(spans.named("chat fake-model"))["error.type"].startswith("pydantic_ai.exceptions.")


async def test_undoing_restores_what_was_there(spans: Spans, fake: Provider, agent: Agent[None, str]) -> None:
    pydantic_ai.autolog()
    assert Agent._instrument_default is not False
    pydantic_ai.unlog()
    assert Agent._instrument_default is False
    await agent.run("hi")
    assert sorted(set(tree(spans.ended))) == ["chat fake-model", "lookup"]
