"""What autolog adds to a call: thread-CPU microseconds over the bare SDK, beside hand-written code and peers.

    .venv/bin/python benchmarks/autolog/cost.py                      # bare, hand-written, spanbook
    .venv/bin/python benchmarks/autolog/cost.py --frameworks         # LangChain and OpenAI's agents, with and without
    PYTHONPATH=instrumentation:schemas PEERS/bin/python benchmarks/autolog/cost.py --peers genai,openinference,traceloop

where PEERS is an environment with openai, wrapt, opentelemetry-instrumentation-genai-openai,
openinference-instrumentation-openai and opentelemetry-instrumentation-openai (Traceloop's).

The transport answers in the process, the span processor drops. Short blocks of the bare SDK and of the traced one
alternate; the figure is the median over the blocks of the difference of their fastest calls, so that the noise of a
shared machine stays out.
"""

import argparse
import asyncio
import base64
import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import handwritten
import httpx2
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

PEERS = {
    "genai": "opentelemetry.instrumentation.genai.openai",
    "openinference": "openinference.instrumentation.openai",
    "traceloop": "opentelemetry.instrumentation.openai",
}
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 40,
    "total_tokens": 160,
    "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0},
}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "gpt-5",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": "The capital of Norway is Oslo. " * 4, "refusal": None},
        }
    ],
    "usage": USAGE,
}
SHORT: dict[str, Any] = {
    "model": "gpt-5",
    "temperature": 0.5,
    "max_completion_tokens": 200,
    "messages": [
        {"role": "system", "content": "You are a terse geography tutor."},
        {"role": "user", "content": "What is the capital of Norway?"},
    ],
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": "Finds things " * 10,
            "parameters": {
                "type": "object",
                "properties": {f"p{i}": {"type": "string", "description": "a parameter"} for i in range(5)},
            },
        },
    }
    for number in range(10)
]
LONG = {
    **SHORT,
    "messages": [{"role": ("user", "assistant")[i % 2], "content": "words and words " * 128} for i in range(20)],
    "tools": TOOLS,
}
IMAGE = {
    **SHORT,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64," + base64.b64encode(os.urandom(750_000)).decode()},
                },
            ],
        }
    ],
}
STREAM = {**SHORT, "stream": True, "stream_options": {"include_usage": True}}


def chunks(count: int) -> bytes:
    base = {name: ANSWER[name] for name in ("id", "created", "model", "service_tier", "system_fingerprint")}
    base["object"] = "chat.completion.chunk"
    events: list[dict[str, Any]] = [
        {**base, "usage": None, "choices": [{"index": 0, "delta": {"content": f"word{i} "}, "finish_reason": None}]}
        for i in range(count)
    ]
    events[0]["choices"][0]["delta"]["role"] = "assistant"
    events.append({**base, "usage": None, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append({**base, "choices": [], "usage": USAGE})
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


BODY, EVENTS = json.dumps(ANSWER).encode(), chunks(200)


def respond(request: httpx2.Request) -> httpx2.Response:
    if b'"stream":true' in request.content[:4096] or b'"stream":true' in request.content[-4096:]:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=EVENTS)
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=BODY)


class Drop(SpanProcessor):
    def on_end(self, span: Any) -> None:
        self.last = span


def rounds(call: Callable[[], Any], calls: int) -> list[float]:
    times = []
    for _ in range(calls):
        begun = time.thread_time_ns()
        call()
        times.append((time.thread_time_ns() - begun) / 1000)
    return times


def added(
    bare: Callable[[], Any],
    traced: Callable[[], Any],
    on: Callable[[], Any],
    off: Callable[[], Any],
    blocks: int,
    calls: int,
) -> tuple[float, float]:
    """Return the bare call's microseconds, and the median over the blocks of what the traced one adds."""
    bases, differences = [], []
    gc.collect()
    gc.disable()
    for block in range(blocks + 2):
        off()
        plain = min(rounds(bare, calls))
        on()
        seen = min(rounds(traced, calls))
        if block > 1:  # the first ones warm up
            bases.append(plain)
            differences.append(seen - plain)
        gc.collect()
    gc.enable()
    off()
    return min(bases), statistics.median(differences)


def nothing() -> None:
    pass


def switches(name: str, provider: TracerProvider) -> tuple[Callable[[], Any], Callable[[], Any]]:
    if name == "handwritten":
        return nothing, nothing
    if name == "spanbook":
        import spanbook

        spanbook.configure(content=True)
        return spanbook.openai.autolog, spanbook.openai.unlog
    instrumentor = import_module(PEERS[name]).OpenAIInstrumentor()
    return lambda: instrumentor.instrument(tracer_provider=provider), instrumentor.uninstrument


def frameworks() -> dict[str, tuple[Callable[[], Any], tuple[str, ...]]]:
    """Name -> a call, and the modules of Spanbook that see it; the SDK below alone is the floor."""
    import agents
    from langchain_openai import ChatOpenAI
    from langgraph.graph import END, START, MessagesState, StateGraph

    transport = httpx2.MockTransport(respond)
    model = ChatOpenAI(model="gpt-5", api_key="k", http_client=httpx2.Client(transport=transport))  # type: ignore[arg-type]
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    compiled = graph.compile()

    client = openai.AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient(transport=transport))
    agents.set_trace_processors([])  # its own export goes to OpenAI
    chat = agents.OpenAIChatCompletionsModel(model="gpt-5", openai_client=client)
    tutor = agents.Agent(name="tutor", instructions="Be terse.", model=chat)
    loop = asyncio.new_event_loop()

    question = SHORT["messages"][-1]["content"]
    ask: dict[str, Callable[[], Any]] = {
        "langchain": lambda: model.invoke(question),
        "langgraph": lambda: compiled.invoke({"messages": [("user", question)]}),
        "agents": lambda: loop.run_until_complete(agents.Runner.run(tutor, question)),
    }
    modules = {"langchain": "langchain", "langgraph": "langchain", "agents": "openai_agents"}
    rows: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {}
    for name, call in ask.items():
        rows[f"{name}, SDK alone"] = call, ("openai",)
        rows[name] = call, ("openai", modules[name])
    return rows


def main_of_frameworks(blocks: int, calls: int) -> None:
    import spanbook

    spanbook.configure(content=True)
    print(f"{'added µs':24}{'spanbook':>14}{'bare':>14}")
    for name, (call, modules) in frameworks().items():

        def on(modules: tuple[str, ...] = modules) -> None:
            for module in modules:
                getattr(spanbook, module).autolog()

        base, cost = added(call, call, on, spanbook.unlog, blocks, calls)
        print(f"{name:24}{cost:14.0f}{base:14.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="", help="comma-separated: genai, openinference, traceloop")
    parser.add_argument("--only", default="", help="comma-separated workloads")
    parser.add_argument("--frameworks", action="store_true", help="LangChain, LangGraph and OpenAI's agents instead")
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--calls", type=int, default=25)
    options = parser.parse_args()
    os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    provider = TracerProvider(shutdown_on_exit=False)
    drop = Drop()
    provider.add_span_processor(drop)
    trace.set_tracer_provider(provider)
    if options.frameworks:
        main_of_frameworks(options.blocks, max(options.calls // 2, 5))
        return
    tracer = trace.get_tracer("benchmark")
    client = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(respond)))

    def chat(body: dict[str, Any]) -> Callable[[], Any]:
        return lambda: client.chat.completions.create(**body)

    def drained() -> None:
        for _ in client.chat.completions.create(**STREAM):
            pass

    def drained_by_hand() -> None:
        for _ in handwritten.stream(tracer, client, **STREAM):
            pass

    workloads: dict[str, tuple[Callable[[], Any], Callable[[], Any], int]] = {
        "chat": (chat(SHORT), lambda: handwritten.chat(tracer, client, **SHORT), 1),
        "long": (chat(LONG), lambda: handwritten.chat(tracer, client, **LONG), 4),
        "image": (chat(IMAGE), lambda: handwritten.chat(tracer, client, **IMAGE), 8),
        "stream": (drained, drained_by_hand, 8),
    }
    names = ["handwritten", "spanbook", *filter(None, options.peers.split(","))]
    print(f"{'added µs':12}" + "".join(f"{name:>14}" for name in names) + f"{'bare':>14}")
    for workload, (bare, by_hand, weight) in workloads.items():
        if options.only and workload not in options.only.split(","):
            continue
        row, base = [], 0.0
        for name in names:
            on, off = switches(name, provider)
            traced = by_hand if name == "handwritten" else bare
            base, cost = added(bare, traced, on, off, options.blocks, max(options.calls // weight, 5))
            row.append(cost)
        print(f"{workload:12}" + "".join(f"{cost:14.0f}" for cost in row) + f"{base:14.0f}", flush=True)


if __name__ == "__main__":
    main()
