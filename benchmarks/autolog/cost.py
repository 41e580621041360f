"""What autolog adds to a call: thread-CPU microseconds over the bare SDK, beside hand-written code and peers.

    .venv/bin/python benchmarks/autolog/cost.py                      # bare, hand-written, spanbook
    .venv/bin/python benchmarks/autolog/cost.py --frameworks         # LangChain and OpenAI's agents, with and without
    PYTHONPATH=instrumentation:schemas PEERS/bin/python benchmarks/autolog/cost.py --peer genai

where PEERS is an environment with openai, wrapt, opentelemetry-instrumentation-genai-openai,
openinference-instrumentation-openai and opentelemetry-instrumentation-openai (Traceloop's). One peer a process: not all
take back what they put in.

The transport answers in the process, the span processor drops. Each variant has its turn in every round, in an order
that is drawn anew: it is switched on, warmed up, called some times and switched off. What counts of a turn is its
fastest call, and what a variant adds in a round is that minus the bare SDK's; printed are the median over the rounds
and, behind ±, half of the middle half's width. So neither a neighbour's burst nor the machine's slower hours fall on
one variant. The garbage collector is off within a turn and runs between turns, for all alike. Spanbook traces to the
process's provider, hand-written code and peers to one of their own, without the processor that Spanbook puts on its.
The SDK's own writing of a megabyte and its own reading of 200 chunks are many times what is measured, and so is their
noise: in those two rows it is spared them. Of the import, the process's CPU milliseconds are printed.
"""

import argparse
import asyncio
import base64
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, NamedTuple
from unittest import mock

import handwritten
import httpx2
import openai
from openai.resources.chat.completions import Completions
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

WARM_UP = 60  # calls of a turn that do not count: the interpreter specialises patched code anew after some 50
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


class Variant(NamedTuple):
    """A way of making the call, and how it is switched on and off."""

    name: str
    call: Callable[[], Any]
    on: Callable[[], Any]
    off: Callable[[], Any]


def turn(variant: Variant, calls: int) -> float:
    """Return the microseconds of the fastest of some calls."""
    gc.collect()
    variant.on()
    gc.disable()
    times = []
    for _ in range(WARM_UP + calls):
        begun = time.thread_time_ns()
        variant.call()
        times.append(time.thread_time_ns() - begun)
    gc.enable()
    variant.off()
    return min(times[WARM_UP:]) / 1000


def added(variants: list[Variant], rounds: int, calls: int) -> list[str]:
    """Return what each variant adds to the first one, and what that one takes."""
    turns: dict[str, list[float]] = {variant.name: [] for variant in variants}
    order, chance = list(variants), random.Random(0)
    for variant in variants:
        turn(variant, 1)  # imports and compiles
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        chance.shuffle(order)
        for variant in order:
            turns[variant.name].append(turn(variant, calls))
    bare, *others = turns.values()
    return [*(_spread([a - b for a, b in zip(took, bare, strict=True)]) for took in others), _spread(bare)]


def _spread(values: list[float], digits: int = 0) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ±{(high - low) / 2:.{digits}f}"


def nothing() -> None:
    pass


def traced(name: str, call: Callable[[], Any], provider: TracerProvider) -> Variant:
    """Return the variant that traces *call* without touching it."""
    if name == "spanbook":
        import spanbook

        spanbook.configure(content=True)
        return Variant(name, call, spanbook.openai.autolog, spanbook.openai.unlog)
    instrumentor, create = import_module(PEERS[name]).OpenAIInstrumentor(), Completions.create

    def off() -> None:
        instrumentor.uninstrument()
        setattr(Completions, "create", create)  # noqa: B010  Traceloop's leaves its wrapper where it was

    return Variant(name, call, lambda: instrumentor.instrument(tracer_provider=provider), off)


def dropping() -> TracerProvider:
    """Return a provider whose spans go nowhere."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Drop())
    return provider


def unwritten(client: openai.OpenAI) -> AbstractContextManager[Any]:
    """Spare the SDK the writing of bodies."""
    return mock.patch("openai._base_client.openapi_dumps", return_value=b"{}")


def decoded(client: openai.OpenAI) -> AbstractContextManager[Any]:
    """Spare the SDK the reading of streams: all that it opens yield the same chunks."""
    streamed = list(client.chat.completions.create(**STREAM))

    def again(stream: Any) -> Iterator[Any]:
        yield from streamed

    return mock.patch.object(openai.Stream, "__stream__", again)


def whole(client: openai.OpenAI) -> AbstractContextManager[Any]:
    """Spare the SDK nothing."""
    return nullcontext()


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


def main_of_frameworks(options: argparse.Namespace) -> None:
    import spanbook

    spanbook.configure(content=True)
    print_row("added µs", ["spanbook", "bare"])
    for name, (call, modules) in frameworks().items():

        def on(modules: tuple[str, ...] = modules) -> None:
            for module in modules:
                getattr(spanbook, module).autolog()

        variants = [Variant("bare", call, nothing, nothing), Variant("spanbook", call, on, spanbook.unlog)]
        print_row(name, added(variants, options.rounds, max(options.calls // 2, 5)))


def main_of_imports(rounds: int) -> None:
    """Print what `import spanbook` takes in a new process that has imported OpenTelemetry's SDK."""
    program = (
        "import opentelemetry.sdk.trace, time; begun = time.process_time(); "
        "import spanbook; print(time.process_time() - begun)"
    )
    cached = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # or every process would compile what it imports
    command = [sys.executable, "-c", program]
    took = [
        float(subprocess.run(command, env=cached, check=True, capture_output=True).stdout) * 1000
        for _ in range(rounds + 1)
    ]
    print_row("import, ms", [_spread(took[1:], digits=1)])


def print_row(name: str, cells: list[str]) -> None:
    print(f"{name:24}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=PEERS, help="measured as well")
    parser.add_argument("--only", default="", help="comma-separated rows: chat, long, image, stream, import")
    parser.add_argument("--frameworks", action="store_true", help="LangChain, LangGraph and OpenAI's agents instead")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=20, help="of a turn that count")
    options = parser.parse_args()
    os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    trace.set_tracer_provider(dropping())
    if options.frameworks:
        main_of_frameworks(options)
        return
    provider = dropping()
    tracer = provider.get_tracer("benchmark")
    client = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(respond)))

    def chat(body: dict[str, Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
        return lambda: client.chat.completions.create(**body), lambda: handwritten.chat(tracer, client, **body)

    def drained() -> None:
        for _ in client.chat.completions.create(**STREAM):
            pass

    def drained_by_hand() -> None:
        for _ in handwritten.stream(tracer, client, **STREAM):
            pass

    workloads = {
        "chat": (*chat(SHORT), whole),
        "long": (*chat(LONG), whole),
        "image": (*chat(IMAGE), unwritten),
        "stream": (drained, drained_by_hand, decoded),
    }
    names = ["spanbook", *([options.peer] if options.peer else [])]
    chosen = options.only.split(",") if options.only else [*workloads, "import"]
    print_row("added µs", ["handwritten", *names, "bare"])
    for workload, (bare, by_hand, spared) in workloads.items():
        if workload in chosen:
            variants = [
                Variant("bare", bare, nothing, nothing),
                Variant("handwritten", by_hand, nothing, nothing),
                *(traced(name, bare, provider) for name in names),
            ]
            with spared(client):
                print_row(workload, added(variants, options.rounds, options.calls))
    if "import" in chosen:
        main_of_imports(options.rounds)


if __name__ == "__main__":
    main()
