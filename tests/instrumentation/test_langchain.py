"""LangChain and LangGraph on the real packages: trees, one usage-bearing span a model call, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import openai as openai_sdk
import pytest
import pytest_asyncio
from langchain.agents import create_agent, factory
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langchain_core.tracers import context as langchain_context
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from opentelemetry import trace
from pydantic import SecretStr

import spanbook
from clients.spans import Spans
from clients.trees import counted, departures, tree
from fakes.provider import Provider
from fakes.replies import Fault, Silence
from spanbook import anthropic, langchain, openai


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    langchain.autolog()
    openai.autolog()
    anthropic.autolog()
    yield
    langchain.unlog()
    openai.unlog()
    anthropic.unlog()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nobody complains: no context that could not be detached, no callback that failed."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def model(fake: Provider, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(model="fake-model", base_url=f"{fake.url}/v1", api_key=SecretStr("k"), max_retries=0, **options)


@pytest_asyncio.fixture
async def connection() -> AsyncIterator[openai_sdk.DefaultAsyncHttpxClient]:
    """A connection of this test's event loop: LangChain keeps its own ones for the next, which has another loop."""
    async with openai_sdk.DefaultAsyncHttpxClient(timeout=20) as client:
        yield client


@tool
def get_weather(city: str) -> str:
    """Say how the weather is."""
    with spanbook.start_span("lookup"):
        return f"sunny in {city}"


def weather_agent(fake: Provider, **options: Any) -> Any:
    return create_agent(model(fake, **options), [get_weather], system_prompt="Be brief.", name="weather")


QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "How is it in Paris?"}]}
# Before langchain 1.2, nothing tells an agent from another graph.
AGENT = "invoke_agent" if "lc_agent_name" in inspect.getsource(factory) else "invoke_workflow"
AGENT_TREE = [
    f"{AGENT} weather",
    f"{AGENT} weather > invoke_workflow model",
    f"{AGENT} weather > invoke_workflow model > chat fake-model",
    f"{AGENT} weather > invoke_workflow tools",
    f"{AGENT} weather > invoke_workflow tools > execute_tool get_weather",
    f"{AGENT} weather > invoke_workflow tools > execute_tool get_weather > lookup",
    f"{AGENT} weather > invoke_workflow model",
    f"{AGENT} weather > invoke_workflow model > chat fake-model",
]


def nothing_is_current() -> bool:
    return not trace.get_current_span().get_span_context().is_valid


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes or {})


def read(told: dict[str, Any]) -> dict[str, Any]:
    """Attributes with their JSON as values, whose keys have no order."""
    return {name: json.loads(value) if str(value).startswith("[") else value for name, value in told.items()}


def conforms(spans: Spans) -> None:
    assert departures("langchain", [span for span in spans.ended if span.name != "lookup"]) == []


def test_an_agent_is_a_tree_of_nodes_model_calls_and_tools(spans: Spans, fake: Provider) -> None:
    weather_agent(fake).invoke(QUESTION, config={"configurable": {"thread_id": "t-1"}})
    assert tree(spans.ended) == AGENT_TREE
    assert len(counted(spans.ended)) == 2 == len(fake.requests)
    conforms(spans)
    root = attributes(spans.named(f"{AGENT} weather"))
    assert root["gen_ai.conversation.id"] == "t-1"
    if AGENT == "invoke_workflow":
        return
    assert json.loads(root["gen_ai.input.messages"])[0]["parts"][0]["content"] == "How is it in Paris?"
    assert json.loads(root["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Hello, world. How are you?"


def test_what_the_sdk_learns_is_on_the_frameworks_span(spans: Spans, fake: Provider) -> None:
    model(fake, temperature=0.5).invoke("hi")
    told = attributes(spans.only())
    assert told["server.address"] == "127.0.0.1"
    assert told["openai.api.type"] == "chat_completions"
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.response.id"] == "reply_1"
    assert told["gen_ai.usage.cache_read.input_tokens"] == 100
    conforms(spans)


def test_a_framework_alone_tells_the_same(spans: Spans, fake: Provider) -> None:
    def told() -> dict[str, Any]:
        found = attributes(spans.only())
        spans.clear()
        return found

    model(fake, temperature=0.5).bind_tools([get_weather]).invoke([("system", "Be brief."), ("human", "hi")])
    together = told()
    openai.unlog()
    model(fake, temperature=0.5).bind_tools([get_weather]).invoke([("system", "Be brief."), ("human", "hi")])
    alone = told()
    assert read(alone) == read({name: value for name, value in together.items() if name in alone})
    assert set(together) - set(alone) == {
        "openai.api.type",
        "openai.response.service_tier",
        "openai.response.system_fingerprint",
        "server.address",
        "server.port",
    }


def test_a_tool_call_has_its_id_arguments_result_and_agent(spans: Spans, fake: Provider) -> None:
    weather_agent(fake).invoke(QUESTION)
    told = attributes(spans.named("execute_tool get_weather"))
    assert told["gen_ai.tool.call.id"] == "call_1"
    assert told["gen_ai.tool.description"] == "Say how the weather is."
    assert told.get("gen_ai.agent.name") == ("weather" if AGENT == "invoke_agent" else None)
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Paris"}
    assert told["gen_ai.tool.call.result"] == "sunny in Paris"


@pytest.mark.parametrize("mode", ["values", "updates", "messages"])
def test_a_streamed_agent_is_the_same_tree_and_leaves_its_consumers_context_alone(
    spans: Spans, fake: Provider, mode: Any
) -> None:
    for _ in weather_agent(fake).stream(QUESTION, stream_mode=mode):
        assert nothing_is_current()
    assert tree(spans.ended) == AGENT_TREE
    conforms(spans)


async def test_an_asynchronous_agent_is_the_same_tree(
    spans: Spans, fake: Provider, connection: openai_sdk.DefaultAsyncHttpxClient
) -> None:
    agent = weather_agent(fake, http_async_client=connection)
    await agent.ainvoke(QUESTION)
    assert nothing_is_current()
    assert tree(spans.ended) == AGENT_TREE
    spans.clear()
    async for _ in agent.astream(QUESTION, stream_mode="messages"):
        assert nothing_is_current()
    assert tree(spans.ended) == AGENT_TREE
    spans.clear()
    async for _ in agent.astream_events(QUESTION, version="v2"):
        assert nothing_is_current()
    assert tree(spans.ended) == AGENT_TREE
    conforms(spans)


async def test_agents_that_run_at_once_keep_their_own_children(
    spans: Spans, fake: Provider, connection: openai_sdk.DefaultAsyncHttpxClient
) -> None:
    agent = weather_agent(fake, http_async_client=connection)
    with spanbook.start_span("caller"):
        await asyncio.gather(*(agent.ainvoke(QUESTION) for _ in range(5)))
    assert sorted(tree(spans.ended)) == sorted(["caller", *[f"caller > {path}" for path in AGENT_TREE * 5]])
    agents = [span for span in spans.ended if span.name == f"{AGENT} weather"]
    assert len({span.context.span_id for span in agents}) == 5


def test_agents_in_threads_keep_their_own_children(spans: Spans, fake: Provider) -> None:
    agent = weather_agent(fake)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: agent.invoke(QUESTION), range(4)))
    assert sorted(tree(spans.ended)) == sorted(AGENT_TREE * 4)
    assert len({span.context.trace_id for span in spans.ended}) == 4


def test_a_streamed_model_call_has_its_time_to_first_chunk(spans: Spans, fake: Provider) -> None:
    chunks = list(model(fake, stream_usage=True).stream("hi"))
    assert "".join(str(chunk.content) for chunk in chunks) == "Hello, world. How are you?"
    told = attributes(spans.only())
    assert told["gen_ai.request.stream"] is True
    assert 0 < told["gen_ai.response.time_to_first_chunk"] < 60
    assert told["gen_ai.usage.output_tokens"] == 8
    conforms(spans)


def test_a_stream_that_is_left_ends_its_span_with_what_was_seen(spans: Spans, fake: Provider) -> None:
    for _ in model(fake).stream("hi"):
        break
    gc.collect()
    told = attributes(spans.only())
    assert told["spanbook.stream.end"] == "abandoned"
    assert "error.type" not in told


def test_another_provider_below_is_told_in_its_own_words(spans: Spans, fake: Provider) -> None:
    chat = ChatAnthropic(model_name="fake-model", base_url=fake.url, api_key=SecretStr("k"), timeout=20, stop=None)
    list(chat.stream("hi"))
    chat.invoke("hi")
    assert [attributes(span)["gen_ai.provider.name"] for span in spans.ended] == ["anthropic", "anthropic"]
    assert [attributes(span)["gen_ai.usage.input_tokens"] for span in spans.ended] == [118, 118]
    conforms(spans)


@pytest.mark.filterwarnings("ignore:Unexpected type for token usage")  # LangChain's own, on adding token counts up
def test_a_batch_is_a_span_for_each_of_its_calls(spans: Spans, fake: Provider) -> None:
    model(fake).batch(["one", "two", "three"])
    asked = [json.loads(attributes(span)["gen_ai.input.messages"])[0]["parts"][0]["content"] for span in spans.ended]
    assert sorted(asked) == ["one", "three", "two"]
    spans.clear()
    model(fake).generate([[HumanMessage("one")], [HumanMessage("two")]])
    assert len(counted(spans.ended)) == 2
    assert tree(spans.ended) == ["chat fake-model", "chat fake-model"]


def test_a_chain_is_one_workflow_and_its_glue_no_span(spans: Spans, fake: Provider) -> None:
    def shout(answer: str) -> str:
        return answer.upper()

    prompt = ChatPromptTemplate.from_messages([("human", "Tell me about {topic}")])
    chain = prompt | model(fake) | StrOutputParser() | RunnableLambda(shout)
    assert chain.invoke({"topic": "tea"}, config={"run_name": "essay"}) == "HELLO, WORLD. HOW ARE YOU?"
    assert tree(spans.ended) == [
        "invoke_workflow essay",
        "invoke_workflow essay > chat fake-model",
        "invoke_workflow essay > invoke_workflow shout",
    ]
    assert json.loads(attributes(spans.named("invoke_workflow essay"))["spanbook.input"]) == {"topic": "tea"}
    conforms(spans)
    spans.clear()
    for _ in chain.stream({"topic": "tea"}):
        assert nothing_is_current()
    assert tree(spans.ended)[:2] == [
        "invoke_workflow RunnableSequence",
        "invoke_workflow RunnableSequence > chat fake-model",
    ]


def test_branches_in_threads_belong_to_their_chain(spans: Spans, fake: Provider) -> None:
    branches = RunnableParallel(one=model(fake), two=model(fake))
    branches.invoke("hi", config={"run_name": "both"})
    assert tree(spans.ended) == ["invoke_workflow both", *["invoke_workflow both > chat fake-model"] * 2]


class State(TypedDict, total=False):
    question: str
    answer: str


def answering_graph(fake: Provider, **options: Any) -> Any:
    def ask(state: State) -> State:
        with spanbook.start_span("own"):
            return {"answer": str(model(fake).invoke(state["question"]).content)}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", lambda state: END)
    return graph.compile(name="answering", **options)


def test_a_graphs_nodes_are_workflows_and_the_applications_spans_stand_between(spans: Spans, fake: Provider) -> None:
    answering_graph(fake).invoke({"question": "hi"})
    assert tree(spans.ended)[:4] == [
        "invoke_workflow answering",
        "invoke_workflow answering > invoke_workflow ask",
        "invoke_workflow answering > invoke_workflow ask > own",
        "invoke_workflow answering > invoke_workflow ask > own > chat fake-model",
    ]
    assert json.loads(attributes(spans.named("invoke_workflow ask"))["spanbook.output"]) == {
        "answer": "Hello, world. How are you?"
    }


def test_a_graph_that_waits_for_a_human_has_not_failed(spans: Spans, fake: Provider) -> None:
    graph = StateGraph(State)
    graph.add_node("approve", lambda state: {"answer": interrupt("sure?")})
    graph.add_edge(START, "approve")
    compiled = graph.compile(checkpointer=InMemorySaver())
    compiled.invoke({"question": "hi"}, config={"configurable": {"thread_id": "t-2"}})
    assert [attributes(span).get("error.type") for span in spans.ended] == [None, None]
    assert {attributes(span)["gen_ai.conversation.id"] for span in spans.ended} == {"t-2"}


def test_an_error_ends_every_span_on_its_way_and_reaches_the_application_unchanged(
    spans: Spans, fake: Provider
) -> None:
    fake.reply(Fault(400, "no such thing"))
    with pytest.raises(Exception, match="no such thing") as caught:
        weather_agent(fake).invoke(QUESTION)
    assert tree(spans.ended) == AGENT_TREE[:3]
    kind = f"{type(caught.value).__module__}.{type(caught.value).__qualname__}"
    assert {attributes(span)["error.type"] for span in spans.ended} == {kind}
    chat = attributes(spans.named("chat fake-model"))
    assert json.loads(chat["gen_ai.input.messages"])[1]["parts"][0]["content"] == "How is it in Paris?"
    conforms(spans)


def test_a_failing_tool_fails_alone_where_its_error_is_handled(spans: Spans) -> None:
    @tool
    def broken() -> str:
        """Break."""
        raise ValueError("broken")

    broken.handle_tool_error = True
    with pytest.raises(ValueError, match="broken"):
        broken.invoke({})
    told = attributes(spans.only())
    assert told["error.type"] == "ValueError"
    conforms(spans)


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        with spanbook.start_span("lookup"):
            return [Document(page_content="Tea is a drink.", id="d1", metadata={"score": 0.5, "page": 3})]


async def test_a_retrieval_has_its_query_and_its_documents(spans: Spans) -> None:
    Shelf().invoke("tea?")
    await Shelf().ainvoke("tea?")
    assert nothing_is_current()
    assert tree(spans.ended) == ["retrieval Shelf", "retrieval Shelf > lookup"] * 2
    conforms(spans)
    told = attributes(next(span for span in spans.ended if span.name == "retrieval Shelf"))
    assert told["gen_ai.retrieval.query.text"] == "tea?"
    assert json.loads(told["gen_ai.retrieval.documents"]) == [
        {"id": "d1", "content": "Tea is a drink.", "score": 0.5, "metadata": {"score": 0.5, "page": 3}}
    ]


def test_a_model_without_an_sdk_is_traced_by_the_framework(spans: Spans) -> None:
    FakeListChatModel(responses=["tea"]).invoke("hi")
    FakeListLLM(responses=["tea"]).invoke("hi")
    assert [attributes(span)["gen_ai.operation.name"] for span in spans.ended] == ["chat", "text_completion"]
    said = [json.loads(attributes(span)["gen_ai.output.messages"])[0]["parts"] for span in spans.ended]
    assert said == [[{"type": "text", "content": "tea"}]] * 2


def test_session_and_user_of_the_metadata_are_on_the_spans(spans: Spans, fake: Provider) -> None:
    model(fake).invoke("hi", config={"metadata": {"session_id": "s-1", "user_id": 7}})
    told = attributes(spans.only())
    assert (told["session.id"], told["user.id"]) == ("s-1", "7")


def test_content_stays_away_when_it_is_not_wanted(spans: Spans, fake: Provider) -> None:
    spanbook.configure(content=False)
    weather_agent(fake).invoke(QUESTION)
    recorded = json.dumps([attributes(span) for span in spans.ended])
    assert "Paris" not in recorded
    assert "Hello" not in recorded
    assert len(counted(spans.ended)) == 2


def test_a_redact_hook_sees_what_leaves(spans: Spans, fake: Provider) -> None:
    spanbook.configure(redact=lambda path, value: value.replace("Paris", "[city]"))
    weather_agent(fake).invoke(QUESTION)
    assert "Paris" not in json.dumps([attributes(span) for span in spans.ended])


def test_an_untraced_block_stays_untraced(spans: Spans, fake: Provider) -> None:
    with spanbook.context(enabled=False):
        weather_agent(fake).invoke(QUESTION)
    assert spans.ended == []


def test_undoing_restores_everything_and_autologging_twice_changes_nothing(spans: Spans, fake: Provider) -> None:
    langchain.autolog()
    weather_agent(fake).invoke(QUESTION)
    assert tree(spans.ended) == AGENT_TREE
    spans.clear()
    langchain.unlog()
    assert not any(
        handler and "spanbook" in handler.__module__ for _, _, handler, _ in langchain_context._configure_hooks
    )
    assert not hasattr(langchain_context._configure_hooks, "__wrapped__")
    weather_agent(fake).invoke(QUESTION)
    assert sorted(set(tree(spans.ended))) == ["chat fake-model", "lookup"]
    spans.clear()
    langchain.autolog()
    weather_agent(fake).invoke(QUESTION)
    assert tree(spans.ended) == AGENT_TREE


def test_nothing_of_a_run_is_kept_when_it_is_over(spans: Spans, fake: Provider) -> None:
    agent = weather_agent(fake)
    for _ in range(3):
        agent.invoke(QUESTION)
    for chunk in agent.stream(QUESTION):
        assert chunk
        break
    gc.collect()
    assert langchain._runs is not None
    assert len(langchain._runs.open) == 0


async def test_a_model_that_is_cancelled_ends_its_span(
    spans: Spans, fake: Provider, connection: openai_sdk.DefaultAsyncHttpxClient
) -> None:
    fake.always(Silence())
    task = asyncio.create_task(model(fake, http_async_client=connection).ainvoke("hi"))
    await asyncio.to_thread(fake.arrived.acquire, timeout=20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fake.release()
    assert attributes(spans.only())["error.type"] == "asyncio.exceptions.CancelledError"
