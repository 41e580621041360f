"""`@trace` on everything that can be called, and spans round blocks."""

import asyncio
import functools
import gc
import inspect
import json
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

import spanbook
from clients.spans import Spans


def told(spans: Spans, name: str) -> tuple[Any, Any]:
    """The input and the output of a span."""
    attributes = spans.named(name).attributes or {}
    return json.loads(str(attributes["spanbook.input"])), json.loads(str(attributes["spanbook.output"]))


def test_a_function_is_told_with_its_arguments_by_name(spans: Spans) -> None:
    @spanbook.trace
    def add(a: int, b: int = 2, *rest: int, c: int = 3) -> dict[str, int]:
        """Add up."""
        return {"sum": a + b + c + sum(rest)}

    assert add(1, 2, 10, 20, c=4) == {"sum": 37}
    assert told(spans, "add") == ({"a": 1, "b": 2, "rest": [10, 20], "c": 4}, {"sum": 37})
    assert (add.__name__, add.__doc__) == ("add", "Add up.")
    assert spans.only().kind is SpanKind.INTERNAL


def test_a_coroutine_is_awaited_inside_its_span(spans: Spans) -> None:
    @spanbook.trace(name="later", kind="chain", attributes={"k": 1})
    async def later(x: int) -> bool:
        await asyncio.sleep(0)
        return trace.get_current_span().is_recording()

    assert inspect.iscoroutinefunction(later)
    assert asyncio.run(later(1)) is True
    assert told(spans, "later") == ({"x": 1}, True)
    assert spans.attributes()["spanbook.span.type"] == "chain"
    assert spans.attributes()["k"] == 1


def test_a_coroutine_that_a_plain_function_hands_out_is_waited_for(spans: Spans) -> None:
    async def later(x: int) -> int:
        return x

    traced = spanbook.trace(name="partial")(functools.partial(later, 1))
    assert asyncio.run(traced()) == 1
    assert told(spans, "partial") == ({}, 1)


def test_a_generators_steps_are_in_its_span_and_its_caller_is_not(spans: Spans) -> None:
    @spanbook.trace
    def inner(n: int) -> int:
        return n

    @spanbook.trace
    def count(n: int) -> Generator[int, str, str]:
        got = []
        for i in range(n):
            got.append((yield inner(i)))
        return ",".join(got)

    steps = count(2)
    assert inspect.isgenerator(steps)
    assert next(steps) == 0
    assert not trace.get_current_span().is_recording()
    assert steps.send("a") == 1
    with pytest.raises(StopIteration) as end:
        steps.send("b")
    assert end.value.value == "a,b"
    assert told(spans, "count") == ({"n": 2}, [0, 1])
    parent = spans.named("count").context
    assert {span.parent.span_id for span in spans.ended if span.parent} == {parent.span_id}


def test_what_is_thrown_into_a_generator_arrives(spans: Spans) -> None:
    @spanbook.trace
    def patient() -> Generator[str, None, None]:
        try:
            yield "first"
        except KeyError:
            yield "caught"

    steps = patient()
    next(steps)
    assert steps.throw(KeyError()) == "caught"
    steps.close()
    assert spans.attributes()["spanbook.stream.end"] == "abandoned"


def test_a_generator_that_is_dropped_ends_its_span(spans: Spans) -> None:
    @spanbook.trace
    def endless() -> Generator[int, None, None]:
        while True:
            yield 1

    steps = endless()
    next(steps)
    del steps
    gc.collect()
    assert told(spans, "endless") == ({}, [1])


async def test_an_async_generator_sends_and_closes(spans: Spans) -> None:
    closed = []

    @spanbook.trace
    async def ask(n: int) -> AsyncGenerator[Any, Any]:
        try:
            for i in range(n):
                heard = yield i
                if heard:
                    yield heard
        finally:
            closed.append(True)

    steps = ask(3)
    assert inspect.isasyncgen(steps)
    assert await anext(steps) == 0
    assert not trace.get_current_span().is_recording()
    assert await steps.asend("hello") == "hello"
    await steps.aclose()
    assert closed == [True]
    assert told(spans, "ask") == ({"n": 3}, [0, "hello"])
    assert [item async for item in ask(2)] == [0, 1]


def test_methods_of_every_kind_leave_self_out(spans: Spans) -> None:
    class Agent:
        @spanbook.trace
        def method(self, x: int) -> int:
            return x

        @spanbook.trace
        @classmethod
        def of_class(cls, x: int) -> str:
            return cls.__name__

        @classmethod
        @spanbook.trace
        def of_class_too(cls, x: int) -> str:
            return cls.__name__

        @spanbook.trace
        @staticmethod
        def static(x: int) -> int:
            return x

    assert Agent().method(1) == 1
    assert Agent.of_class(2) == "Agent"
    assert Agent.of_class_too(3) == "Agent"
    assert Agent().static(4) == 4
    assert [told(spans, span.name)[0] for span in spans.ended] == [{"x": 1}, {"x": 2}, {"x": 3}, {"x": 4}]


def test_an_exception_goes_on_its_way_and_is_recorded(spans: Spans) -> None:
    @spanbook.trace
    def divide(by: int) -> float:
        return 1 / by

    with pytest.raises(ZeroDivisionError):
        divide(0)
    span = spans.only()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "division by zero")
    assert spans.attributes()["error.type"] == "ZeroDivisionError"
    (event,) = span.events
    assert "return 1 / by" in str((event.attributes or {})["exception.stacktrace"])


def test_redact_sees_messages_and_tracebacks_of_exceptions(spans: Spans) -> None:
    spanbook.configure(redact=lambda path, value: value.replace("secret", "***") if isinstance(value, str) else value)

    @spanbook.trace
    def leak() -> None:
        raise ValueError("secret")

    with pytest.raises(ValueError, match="secret"):
        leak()
    (event,) = spans.only().events
    assert "secret" not in str(dict(event.attributes or {}))
    assert spans.only().status.description == "***"


def test_a_call_with_wrong_arguments_raises_what_it_always_did(spans: Spans) -> None:
    def two(a: int, b: int, *rest: int) -> None: ...

    with pytest.raises(TypeError) as bare:
        two(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError) as traced:
        spanbook.trace(two)(1)  # type: ignore[call-arg]
    assert traced.value.args == bare.value.args


async def test_wrong_arguments_of_coroutines_and_generators_are_errors_too(spans: Spans) -> None:
    @spanbook.tool
    async def awaited(city: str) -> None: ...

    @spanbook.tool
    def stepped(city: str) -> Generator[str, None, None]:
        yield city

    @spanbook.tool
    async def async_stepped(city: str) -> AsyncGenerator[str, None]:
        yield city

    wrong: Any = {"town": "Paris"}
    with pytest.raises(TypeError):
        await awaited(**wrong)
    with pytest.raises(TypeError):
        next(stepped(**wrong))
    with pytest.raises(TypeError):
        await anext(async_stepped(**wrong))
    assert [(span.name.rpartition(" ")[2], (span.attributes or {})["error.type"]) for span in spans.ended] == [
        ("awaited", "TypeError"),
        ("stepped", "TypeError"),
        ("async_stepped", "TypeError"),
    ]


def test_tools_agents_and_retrievers_speak_the_conventions(spans: Spans) -> None:
    @spanbook.tool
    def weather(city: str) -> dict[str, str]:
        return {"sky": "clear"}

    @spanbook.retriever(attributes={"gen_ai.retrieval.top_k": 1})
    def handbook(query: str) -> list[Any]:
        return [{"id": "1", "score": 0.5}]

    @spanbook.agent(name="planner")
    def plan(question: str) -> str:
        handbook("where")
        weather("Oslo")
        return "sunny"

    plan("Weather?")

    assert dict(spans.named("execute_tool weather").attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
        "gen_ai.tool.call.result": '{"sky":"clear"}',
    }
    assert dict(spans.named("retrieval handbook").attributes or {}) == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "handbook",
        "gen_ai.retrieval.top_k": 1,
        "gen_ai.retrieval.query.text": "where",
        "gen_ai.retrieval.documents": '[{"id":"1","score":0.5}]',
    }
    agent = spans.named("invoke_agent planner")
    assert dict(agent.attributes or {}) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "planner",
        "spanbook.input": '{"question":"Weather?"}',
        "spanbook.output": '"sunny"',
    }
    assert agent.context
    assert {span.parent.span_id for span in spans.ended if span.parent} == {agent.context.span_id}


def test_a_block_has_a_span_that_can_do_what_spans_can(spans: Spans) -> None:
    with spanbook.start_span("rerank", kind="reranker", attributes={"k": 3}) as span:
        span.set_inputs({"documents": 2})
        span.set_outputs([1, 0])
        span.set_attribute("model", "m")
        assert span.trace_id == spanbook.get_current_trace_id()
        assert len(span.span_id) == 16
    assert spans.attributes() == {
        "spanbook.span.type": "reranker",
        "k": 3,
        "model": "m",
        "spanbook.input": '{"documents":2}',
        "spanbook.output": "[1,0]",
    }
    assert spanbook.get_current_trace_id() is None


def test_a_block_that_raises_ends_its_span_as_failed(spans: Spans) -> None:
    with pytest.raises(KeyError), spanbook.start_span("block"):
        raise KeyError("k")
    assert spans.attributes()["error.type"] == "KeyError"


def test_inputs_and_outputs_are_content(spans: Spans) -> None:
    spanbook.configure(content=False)

    @spanbook.trace
    def secret(prompt: str) -> str:
        return prompt

    secret("mine")
    with spanbook.start_span("block") as span:
        span.set_inputs("mine")
    assert all(dict(span.attributes or {}) == {} for span in spans.ended)


def test_a_long_stream_keeps_the_beginning_of_its_output(spans: Spans) -> None:
    @spanbook.trace
    def many() -> Generator[int, None, None]:
        yield from range(5000)

    assert sum(1 for _ in many()) == 5000
    assert len(told(spans, "many")[1]) == 1000
