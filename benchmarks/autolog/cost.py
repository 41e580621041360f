"""What autolog adds to a call: thread-CPU microseconds over the bare SDK, beside hand-written code and peers.

    .venv/bin/python benchmarks/autolog/cost.py                      # bare, hand-written, spanbook
    .venv/bin/python benchmarks/autolog/cost.py --frameworks         # LangChain and OpenAI's agents, with and without
    PYTHONPATH=instrumentation:schemas PEERS/bin/python benchmarks/autolog/cost.py --peers genai,openinference,traceloop

where PEERS is an environment with openai, wrapt, opentelemetry-instrumentation-genai-openai,
openinference-instrumentation-openai and opentelemetry-instrumentation-openai (Traceloop's).

The transport answers in the process, the span processor drops. A process has one variant, as an application has: what
another instrumentation leaves behind, or does because a second one is loaded, falls on none. In every round each
variant has a process, in an order that is drawn anew, so the machine's slower minutes fall on none either. A process
tells its fastest call of some hundred, after as many that do not count, without the garbage collector; what a variant
adds in a round is that minus the bare SDK's. Printed are the median over the rounds and, behind ±, half of the middle
half's width. The SDK's own writing of a megabyte and its own reading of 200 chunks are many times what is measured, and
so is their noise: in those two rows it is spared them. Of the import, the process's CPU milliseconds are printed.
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
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

BARE, BY_HAND, SPANBOOK = "bare", "handwritten", "spanbook"
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


class Workload(NamedTuple):
    """A call, the same with spans written by hand, and what the SDK is spared meanwhile."""

    call: Callable[[], Any]
    by_hand: Callable[[], Any]
    spared: Callable[[], AbstractContextManager[Any]] = nullcontext


def workloads(tracer: trace.Tracer) -> dict[str, Workload]:
    """Calls of OpenAI's SDK."""
    client = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(respond)))

    def chat(body: dict[str, Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
        return lambda: client.chat.completions.create(**body), lambda: handwritten.chat(tracer, client, **body)

    def drained() -> None:
        for _ in client.chat.completions.create(**STREAM):
            pass

    def drained_by_hand() -> None:
        for _ in handwritten.stream(tracer, client, **STREAM):
            pass

    def unwritten() -> AbstractContextManager[Any]:
        return mock.patch("openai._base_client.openapi_dumps", return_value=b"{}")

    def decoded() -> AbstractContextManager[Any]:
        streamed = list(client.chat.completions.create(**STREAM))

        def again(stream: Any) -> Iterator[Any]:
            yield from streamed

        return mock.patch.object(openai.Stream, "__stream__", again)

    return {
        "chat": Workload(*chat(SHORT)),
        "long": Workload(*chat(LONG)),
        "image": Workload(*chat(IMAGE), unwritten),
        "stream": Workload(drained, drained_by_hand, decoded),
    }


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


def prepared(row: str, variant: str) -> tuple[Callable[[], Any], AbstractContextManager[Any]]:
    """Return the call of a row, with the variant switched on, and what the SDK is spared."""
    os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Drop())
    trace.set_tracer_provider(provider)
    found = workloads(provider.get_tracer("benchmark")).get(row)
    modules: tuple[str, ...] = ("openai",)
    if found is None:
        call, modules = frameworks()[row]
        found = Workload(call, call)
    spared = found.spared()
    if variant == SPANBOOK:
        import spanbook

        spanbook.configure(content=True)
        for module in modules:
            getattr(spanbook, module).autolog()
    elif variant in PEERS:
        import_module(PEERS[variant]).OpenAIInstrumentor().instrument(tracer_provider=provider)
    return (found.by_hand if variant == BY_HAND else found.call), spared


def fastest(row: str, variant: str, calls: int) -> float:
    """Return the microseconds of the fastest of some calls, after as many that do not count."""
    call, spared = prepared(row, variant)
    times = []
    with spared:
        for _ in range(calls):
            call()
        gc.collect()
        gc.freeze()
        gc.disable()
        for _ in range(calls):
            begun = time.thread_time_ns()
            call()
            times.append(time.thread_time_ns() - begun)
    return min(times) / 1000


def compare(row: str, variants: list[str], rounds: int, calls: int) -> None:
    """Print what each variant adds to the bare SDK, and what that takes."""
    told: dict[str, list[float]] = {variant: [] for variant in [BARE, *variants]}
    order, chance = list(told), random.Random(0)
    for _ in range(rounds):
        chance.shuffle(order)
        for variant in order:
            told[variant].append(_asked("--row", row, "--variant", variant, "--calls", str(calls)))
    bare = told.pop(BARE)
    added = {name: [took - floor for took, floor in zip(each, bare, strict=True)] for name, each in told.items()}
    print_row(row, [*(_spread(each) for each in added.values()), _spread(bare)])


def compare_imports(rounds: int) -> None:
    """Print what `import spanbook` takes in a new process that has imported OpenTelemetry's SDK."""
    program = (
        "import opentelemetry.sdk.trace, time; begun = time.process_time(); "
        "import spanbook; print((time.process_time() - begun) * 1000)"
    )
    took = [_told([sys.executable, "-c", program]) for _ in range(rounds + 1)]
    print_row("import, ms", [_spread(took[1:], digits=1)])


def _asked(*options: str) -> float:
    return _told([sys.executable, __file__, *options])


def _told(command: list[str]) -> float:
    cached = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # or every process would compile what it imports
    return float(subprocess.run(command, env=cached, check=True, stdout=subprocess.PIPE).stdout)


def _spread(values: list[float], digits: int = 0) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ±{(high - low) / 2:.{digits}f}"


def print_row(name: str, cells: list[str]) -> None:
    print(f"{name:24}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="", help=f"comma-separated, measured as well: {', '.join(PEERS)}")
    parser.add_argument("--only", default="", help="comma-separated rows: chat, long, image, stream, import")
    parser.add_argument("--frameworks", action="store_true", help="LangChain, LangGraph and OpenAI's agents instead")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=150, help="of a process that count")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(fastest(options.row, options.variant, options.calls))
        return
    peers = options.peers.split(",") if options.peers else []
    rows = list(frameworks()) if options.frameworks else ["chat", "long", "image", "stream", "import"]
    variants = [SPANBOOK] if options.frameworks else [BY_HAND, SPANBOOK, *peers]
    print_row("added µs", [*variants, BARE])
    for row in options.only.split(",") if options.only else rows:
        if row == "import":
            compare_imports(options.rounds)
        else:
            compare(row, variants, options.rounds, options.calls)


if __name__ == "__main__":
    main()
