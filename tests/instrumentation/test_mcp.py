"""MCP on the real SDK: client and server in one process, over stdio and over HTTP; one trace on both sides."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import uvicorn
from mcp import StdioServerParameters
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

import spanbook
from clients.mcp_sides import MODES, SESSIONS, Context, Error, Server, connected, failed, weather_server
from clients.spans import Spans
from clients.trees import departures, tree
from spanbook import _mcp_connections, _mcp_requests, mcp


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    mcp.autolog()
    yield
    mcp.unlog()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def calls(spans: Spans, kind: SpanKind) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.ended if span.kind is kind}


def conforms(spans: Spans) -> None:
    known = [span for span in spans.ended if "mcp.method.name" in attributes(span)]
    assert departures("mcp", known) == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_tool_call_is_one_trace_through_client_server_and_tool(spans: Spans, mode: str) -> None:
    with spanbook.start_span("caller"):
        async with connected(weather_server(), mode=mode) as client:
            await client.call_tool("get_weather", {"city": "Paris"})
    ends = [path for path in tree(spans.ended) if path.endswith("lookup")]
    assert ends == ["caller > tools/call get_weather > tools/call get_weather > lookup"]
    for kind in (SpanKind.CLIENT, SpanKind.SERVER):
        told = attributes(calls(spans, kind)["tools/call get_weather"])
        assert told["gen_ai.operation.name"] == "execute_tool"
        assert told["mcp.protocol.version"]
        assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Paris"}
        assert json.loads(told["gen_ai.tool.call.result"]) == {"result": "sunny in Paris"}
    conforms(spans)


async def test_prompts_and_resources_are_named(spans: Spans) -> None:
    async with connected(weather_server()) as client:
        await client.get_prompt("ask", {"topic": "tea"})
        await client.read_resource("weather://today")
    sent = calls(spans, SpanKind.CLIENT)
    assert attributes(sent["prompts/get ask"])["gen_ai.prompt.name"] == "ask"
    assert attributes(sent["resources/read"])["mcp.resource.uri"] == "weather://today"
    conforms(spans)


async def test_a_tool_that_fails_is_told_on_both_sides(spans: Spans) -> None:
    async with connected(weather_server()) as client:
        result = await client.call_tool("get_weather", {"city": "nowhere"})
    assert failed(result)
    for kind in (SpanKind.CLIENT, SpanKind.SERVER):
        assert attributes(calls(spans, kind)["tools/call get_weather"])["error.type"] == "tool_error"
    conforms(spans)


@pytest.mark.parametrize("mode", MODES)
async def test_a_request_that_is_refused_has_the_errors_code(spans: Spans, mode: str) -> None:
    async with connected(weather_server(), mode=mode) as client:
        with pytest.raises(Error) as caught:
            await client.get_prompt("unknown")
    sent = attributes(calls(spans, SpanKind.CLIENT)["prompts/get unknown"])
    assert sent["error.type"] == sent["rpc.response.status_code"] == str(caught.value.error.code)
    assert attributes(calls(spans, SpanKind.SERVER)["prompts/get unknown"])["error.type"]
    conforms(spans)


async def test_an_agents_tool_call_is_not_told_a_second_time(spans: Spans) -> None:
    async with connected(weather_server(), mode="legacy") as client:
        with spanbook.start_span("get_weather", kind="tool"):
            await client.call_tool("get_weather", {"city": "Paris"})
    told = attributes(spans.named("execute_tool get_weather"))
    assert told["mcp.method.name"] == "tools/call"
    assert told["jsonrpc.request.id"]
    assert "tools/call get_weather" not in calls(spans, SpanKind.CLIENT)
    served = calls(spans, SpanKind.SERVER)["tools/call get_weather"]
    outer = spans.named("execute_tool get_weather")
    assert served.parent is not None
    assert outer.context is not None
    assert served.parent.span_id == outer.context.span_id


async def test_an_agents_tool_call_tells_where_it_went(spans: Spans, over_http: str) -> None:
    async with connected(over_http, mode="legacy") as client:
        with spanbook.start_span("get_weather", kind="tool"):
            await client.call_tool("get_weather", {"city": "Paris"})
    told = attributes(spans.named("execute_tool get_weather"))
    assert told["mcp.session.id"] == attributes(calls(spans, SpanKind.CLIENT)["initialize"])["mcp.session.id"]
    assert (told["network.transport"], told["server.address"]) == ("tcp", "127.0.0.1")


def test_what_the_server_says_of_its_refusal_is_redacted_there_too(spans: Spans) -> None:
    spanbook.configure(redact=lambda path, value: "-")
    with spanbook.start_span("get_weather", kind="tool"):
        request = _mcp_requests.sent("tools/call", {"name": "get_weather"}, None, _mcp_connections.UNKNOWN)
        request.refuse(-32000, "no weather in Paris")
    told = spans.only()
    assert (attributes(told)["error.type"], told.status.description) == ("-32000", "-")


SERVER = f"""
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from clients.mcp_sides import connected
from spanbook import mcp
from {Server.__module__} import {Server.__name__}
server = {Server.__name__}("echo")

@server.tool()
def echo_meta() -> str:
    return "echoed"

@server.tool()
def own_span() -> str:
    return json.dumps(dict(trace.get_current_span().attributes))

@server.tool()
async def span_in_another_server() -> str:
    async with connected(server) as client:
        result = await client.call_tool("own_span")
    return result.content[0].text

trace.set_tracer_provider(TracerProvider())
mcp.autolog()
server.run("stdio")
"""


async def test_over_stdio_the_context_travels_in_the_request(spans: Spans, tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    server = StdioServerParameters(command=sys.executable, args=[str(script)], env={"PYTHONPATH": path})
    async with connected(server) as client:
        await client.call_tool("echo_meta")
        mcp.unlog()  # what is served has no sender's context now, but the one in which it is served
        told = [await client.call_tool(tool) for tool in ("own_span", "span_in_another_server")]
    piped, within = (json.loads(result.content[0].text) for result in told)
    sent = attributes(calls(spans, SpanKind.CLIENT)["tools/call echo_meta"])
    assert sent["jsonrpc.request.id"]
    assert sent["network.transport"] == piped["network.transport"] == "pipe"
    assert "server.address" not in sent
    assert piped["mcp.method.name"] == within["mcp.method.name"] == "tools/call"
    assert "network.transport" not in within
    conforms(spans)
    assert not _mcp_connections._open


@contextmanager
def served(application: Any) -> Iterator[int]:
    async def within_a_span(scope: Any, receive: Any, send: Any) -> None:  # as what traces a web server has it
        with spanbook.start_span(f"http {scope['type']}"):
            await application(scope, receive, send)

    config = uvicorn.Config(within_a_span, port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def over_http() -> Iterator[str]:
    with served(weather_server().streamable_http_app()) as port:
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.parametrize("mode", MODES)
async def test_over_http_both_sides_are_one_trace(spans: Spans, over_http: str, mode: str) -> None:
    async with connected(over_http, mode) as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    sent = calls(spans, SpanKind.CLIENT)["tools/call get_weather"]
    served = calls(spans, SpanKind.SERVER)["tools/call get_weather"]
    assert sent.context is not None
    assert served.parent is not None
    assert served.parent.span_id == sent.context.span_id
    for told in (attributes(sent), attributes(served)):
        assert told["network.transport"] == "tcp"
        assert told["network.protocol.name"] == "http"
    assert attributes(served)["network.protocol.version"] == "1.1"
    assert attributes(served)["client.address"] == "127.0.0.1"
    assert f"http://{attributes(sent)['server.address']}:{attributes(sent)['server.port']}/mcp" == over_http
    conforms(spans)


async def test_over_http_a_session_has_its_id_from_the_answer_that_began_it(spans: Spans, over_http: str) -> None:
    async with connected(over_http, "legacy") as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    sent = calls(spans, SpanKind.CLIENT)
    session = attributes(sent["initialize"])["mcp.session.id"]
    assert session
    assert attributes(sent["tools/call get_weather"])["mcp.session.id"] == session
    assert attributes(calls(spans, SpanKind.SERVER)["tools/call get_weather"])["mcp.session.id"] == session


@pytest.mark.parametrize("opened", [0, 1])
async def test_sessions_side_by_side_keep_to_their_own_connection(spans: Spans, over_http: str, opened: int) -> None:
    async with connected(weather_server()) as near, connected(over_http) as far:
        await (near, far)[opened].get_prompt("ask", {"topic": "tea"})
    told = attributes(calls(spans, SpanKind.CLIENT)["prompts/get ask"])
    assert ("server.address" in told) == bool(opened)


async def test_over_sse_a_request_tells_where_it_went(spans: Spans) -> None:
    with served(weather_server().sse_app()) as port:
        transport = import_module("mcp.client.sse").sse_client(f"http://127.0.0.1:{port}/sse")
        async with connected(transport, "legacy") as client:
            await client.call_tool("get_weather", {"city": "Paris"})
    told = attributes(calls(spans, SpanKind.CLIENT)["tools/call get_weather"])
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", port)
    assert (told["network.transport"], told["network.protocol.name"]) == ("tcp", "http")
    conforms(spans)


async def test_a_refused_connection_is_told_with_its_address(spans: Spans) -> None:
    with socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        port = unanswered.getsockname()[1]
        with pytest.raises(BaseException):  # noqa: B017, PT011  a group of what each generation raises
            async with connected(f"http://127.0.0.1:{port}/mcp", "legacy"):
                pass
    told = attributes(calls(spans, SpanKind.CLIENT)["initialize"])
    assert told["error.type"]
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", port)


async def test_nothing_is_kept_of_a_transport_that_is_closed(spans: Spans, over_http: str) -> None:
    opened = import_module("mcp.client.streamable_http")
    opened = getattr(opened, "streamable_http_client", None) or opened.streamablehttp_client
    async with opened(over_http):  # closed before its tasks have begun
        pass
    async with connected(over_http, "legacy") as client:
        assert _mcp_connections._open
        await client.list_tools()
    gc.collect()
    assert not _mcp_connections._open


async def test_a_transport_that_was_opened_while_traced_works_when_tracing_is_undone(
    spans: Spans, over_http: str
) -> None:
    async with connected(over_http, "legacy") as client:
        mcp.unlog()
        assert not failed(await client.call_tool("get_weather", {"city": "Paris"}))
    assert "tools/call get_weather" not in calls(spans, SpanKind.CLIENT)
    gc.collect()
    assert not _mcp_connections._open


@pytest.mark.skipif(not SESSIONS, reason="2.x serves each request in its own context")
async def test_over_http_a_request_is_not_part_of_the_one_that_began_its_session(spans: Spans, over_http: str) -> None:
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # here, not in the server's thread
    async with connected(over_http) as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    detach(token)
    assert calls(spans, SpanKind.SERVER)["tools/call get_weather"].parent is None


async def test_content_stays_away_when_it_is_not_wanted(spans: Spans) -> None:
    spanbook.configure(content=False)
    async with connected(weather_server()) as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    assert "Paris" not in json.dumps([attributes(span) for span in spans.ended])


async def test_undoing_gives_the_sdk_its_own_spans_back(spans: Spans) -> None:
    mcp.autolog()
    mcp.unlog()
    async with connected(weather_server(), mode="legacy") as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    assert tree(spans.ended) == ["lookup"]  # 2.x traces itself, to the global provider
    mcp.autolog()
    async with connected(weather_server(), mode="legacy") as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    assert len([span for span in spans.ended if span.name == "tools/call get_weather"]) == 2


async def test_what_is_sent_is_the_applications_but_for_the_context(spans: Spans) -> None:
    server, seen = Server("echo"), list[dict[str, Any]]()

    @server.tool()
    def echo(context: Context) -> str:
        meta = context.request_context.meta or {}
        seen.append({name: value for name, value in dict(meta).items() if value is not None})
        return "echoed"

    mcp.unlog()
    for _ in range(2):
        async with connected(server, "legacy") as client:
            await client.list_tools()
            await client.call_tool("echo", {})
        mcp.autolog()
    bare, traced = seen
    assert traced.pop("traceparent", None) is not None
    bare.pop("traceparent", None)  # 2.x sends its own
    assert traced == bare


async def test_a_notification_is_a_span_of_the_server_that_gets_it(spans: Spans) -> None:
    async with connected(weather_server(), "legacy") as client:
        await client.list_tools()
    notice = calls(spans, SpanKind.SERVER)["notifications/initialized"]
    assert notice.parent is None
    assert attributes(notice)["mcp.protocol.version"]
    assert "jsonrpc.request.id" not in attributes(notice)
    conforms(spans)


@pytest.mark.skipif(not SESSIONS, reason="2.x serves no span of what a client is asked for")
async def test_what_a_server_asks_its_client_for_is_in_the_same_trace(spans: Spans) -> None:
    types = import_module("mcp.types")
    server = Server("asks")

    @server.tool()
    async def summarize(context: Context) -> str:
        question = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Hi"))
        answer = await context.session.create_message([question], max_tokens=8)
        return str(answer.content.text)

    async def sample(context: Any, params: Any) -> Any:
        with spanbook.start_span("think"):
            said = types.TextContent(type="text", text="Hello")
            return types.CreateMessageResult(role="assistant", model="m", content=said)

    async with connected(server, sampling_callback=sample) as client:
        await client.call_tool("summarize", {})
    asked = "tools/call summarize > tools/call summarize"
    (path,) = [path for path in tree(spans.ended) if path.endswith("think")]
    assert path == f"{asked} > sampling/createMessage > sampling/createMessage > think"
    conforms(spans)


async def test_where_nothing_is_to_be_traced_no_request_is(spans: Spans) -> None:
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    async with connected(weather_server(), mode="legacy") as client:
        await client.call_tool("get_weather", {"city": "Paris"})
    detach(token)
    assert spans.ended == []
