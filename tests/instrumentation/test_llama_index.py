"""LlamaIndex on the real package, over the real Ollama client: trees, one usage-bearing span a model call."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.mock import MockLLM
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama
from opentelemetry import trace

import spanbook
from clients.spans import Spans
from clients.trees import counted, departures, tree
from fakes.provider import Provider
from fakes.replies import Fault
from spanbook import llama_index, ollama

# LlamaIndex never closes its clients, and asks pydantic for what is deprecated there.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),
]


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    llama_index.autolog()
    ollama.autolog()
    yield
    llama_index.unlog()
    ollama.unlog()
    gc.collect()  # the clients that it leaves, while this test's warnings are still ignored


def model(fake: Provider) -> Ollama:
    return Ollama(model="fake-model", base_url=fake.url, context_window=4000)


def index(fake: Provider) -> VectorStoreIndex:
    embed = OllamaEmbedding("fake-model", base_url=fake.url)
    return VectorStoreIndex.from_documents([Document(text="Tea is a drink.")], embed_model=embed)


def get_weather(city: str) -> str:
    """Say how the weather is."""
    with spanbook.start_span("lookup"):
        return f"sunny in {city}"


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes or {})


def conforms(spans: Spans) -> None:
    assert departures("llama_index", [span for span in spans.ended if span.name != "lookup"]) == []


def test_a_query_is_a_workflow_of_retrieval_embedding_and_answer(spans: Spans, fake: Provider) -> None:
    engine = index(fake).as_query_engine(llm=model(fake))
    spans.clear()
    assert str(engine.query("What is tea?")) == "Hello, world. How are you?"
    top = "invoke_workflow RetrieverQueryEngine"
    assert tree(spans.ended) == [
        top,
        f"{top} > retrieval VectorIndexRetriever",
        f"{top} > retrieval VectorIndexRetriever > embeddings fake-model",
        f"{top} > chat fake-model",
    ]
    retrieval = attributes(spans.named("retrieval VectorIndexRetriever"))
    assert retrieval["gen_ai.retrieval.query.text"] == "What is tea?"
    assert retrieval["gen_ai.retrieval.top_k"] == 2
    assert json.loads(retrieval["gen_ai.retrieval.documents"])[0]["content"] == "Tea is a drink."
    assert json.loads(attributes(spans.named(top))["spanbook.output"]) == "Hello, world. How are you?"
    conforms(spans)


async def test_an_agent_is_a_tree_of_model_calls_and_tools(spans: Spans, fake: Provider) -> None:
    agent = FunctionAgent(name="weather", tools=[get_weather], llm=model(fake), system_prompt="Be brief.")
    running = agent.run("Paris?")
    assert not trace.get_current_span().get_span_context().is_valid
    await running
    assert tree(spans.ended) == [
        "invoke_agent weather",
        "invoke_agent weather > chat fake-model",
        "invoke_agent weather > execute_tool get_weather",
        "invoke_agent weather > execute_tool get_weather > lookup",
        "invoke_agent weather > chat fake-model",
    ]
    assert len(counted(spans.ended)) == 2
    tool = attributes(spans.named("execute_tool get_weather"))
    assert tool["gen_ai.tool.call.id"]
    assert tool["gen_ai.agent.name"] == "weather"
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"city": "Paris"}
    told = attributes(spans.named("invoke_agent weather"))
    assert "Hello, world." in told["gen_ai.output.messages"]
    assert "Paris?" in told["gen_ai.input.messages"]
    conforms(spans)


def test_a_model_whose_sdk_is_traced_leaves_its_calls_to_it(spans: Spans, fake: Provider) -> None:
    model(fake).chat([ChatMessage("hi")])
    list(model(fake).stream_chat([ChatMessage("hi")]))
    assert tree(spans.ended) == ["chat fake-model"] * 2
    assert len(counted(spans.ended)) == 2


def test_without_the_sdks_instrumentation_model_calls_are_told_all_the_same(spans: Spans, fake: Provider) -> None:
    ollama.unlog()
    model(fake).chat([ChatMessage("hi")])
    list(model(fake).stream_chat([ChatMessage("hi")]))
    assert tree(spans.ended) == ["chat fake-model"] * 2
    plain, streamed = (attributes(span) for span in spans.ended)
    assert plain["gen_ai.usage.input_tokens"] == 118
    assert "Hello" in plain["gen_ai.output.messages"]
    assert streamed["gen_ai.request.stream"] is True
    assert streamed["gen_ai.response.time_to_first_chunk"] > 0
    conforms(spans)


def test_a_stream_that_is_left_ends_its_span(spans: Spans) -> None:
    for _ in MockLLM(max_tokens=5).stream_complete("tea and more tea and more"):
        break
    gc.collect()
    assert attributes(spans.only())["spanbook.stream.end"] == "abandoned"


def test_a_tool_that_fails_fails_its_span(spans: Spans) -> None:
    def broken() -> str:
        """Break."""
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        FunctionTool.from_defaults(broken).call()
    assert attributes(spans.only())["error.type"] == "ValueError"
    conforms(spans)


def test_an_error_reaches_the_application_and_is_on_every_span_on_its_way(spans: Spans, fake: Provider) -> None:
    engine = index(fake).as_query_engine(llm=model(fake))
    spans.clear()
    fake.always(Fault(400, "no such thing"))
    with pytest.raises(Exception, match="no such thing"):
        engine.query("What is tea?")
    assert all(attributes(span)["error.type"] for span in spans.ended)
    assert len(spans.ended) >= 3


def test_content_stays_away_when_it_is_not_wanted(spans: Spans, fake: Provider) -> None:
    spanbook.configure(content=False)
    index(fake).as_query_engine(llm=model(fake)).query("What is tea?")
    assert "tea" not in json.dumps([attributes(span) for span in spans.ended]).lower()


def test_undoing_restores_everything(spans: Spans, fake: Provider) -> None:
    llama_index.autolog()
    llama_index.unlog()
    index(fake).as_query_engine(llm=model(fake)).query("What is tea?")
    assert {span.name for span in spans.ended} == {"embeddings fake-model", "chat fake-model"}
    spans.clear()
    llama_index.autolog()
    index(fake).as_query_engine(llm=model(fake)).query("What is tea?")
    assert "invoke_workflow RetrieverQueryEngine" in tree(spans.ended)
    assert llama_index._listener is not None
    assert len(llama_index._listener.open) == 0
