"""Every SDK through the same scenarios, against a provider that speaks its wire protocol."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

import spanbook
from conformance import registry
from conformance.allowed import unexplained
from conformance.checker import plain
from fakes.provider import Provider
from fakes.replies import Fault, Hangup, Reply, Silence, ToolCall
from scenarios.recorder import COVERAGE, Recorder
from scenarios.row import QUESTION, Row, Way
from scenarios.running import chunks_of, closed, logged, outcome, sdk_module, sent, take
from scenarios.signals import Signals, deviations
from scenarios.table import ROWS, leading

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),  # google-genai
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning"),  # litellm
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),  # litellm
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),  # litellm, in a thread of its own
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # boto3, whose stream is dropped
]
Clients = Callable[[Row, bool], Any]

CONTENT = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.retrieval.documents",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
)
LONG = "A stream of twelve words, of which an impatient reader sees but some."
ANY = Exception
"""Whatever the SDK raises: the scenario compares it, it does not know it."""
DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"
DURATIONS = {
    **dict.fromkeys(registry.INFERENCE, "gen_ai.client.inference.duration"),
    "invoke_agent": "gen_ai.invoke_agent.duration",
}
"""The metric of an operation's duration, where it has one of its own."""
OF_PROVIDERS = ("openai.", "azure.", "aws.bedrock.")
RESENT = "http.request.resend_count"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"

ALL_WAYS = [(row, way) for row in ROWS for way in row.ways]
FIRST_WAYS = [
    (row, next(way for way in row.ways if way.is_async is kind))
    for row in leading()
    for kind in (False, True)
    if any(way.is_async is kind for way in row.ways)
]
STREAMS = [(row, kind) for row in ROWS for kind in (False, True) if (row.astream if kind else row.stream)]


def each_way(ways: Iterable[tuple[Row, Way]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("row", "way"), [pytest.param(*pair, id="-".join(map(str, pair))) for pair in ways])


def each_stream(streams: Iterable[tuple[Row, bool]]) -> pytest.MarkDecorator:
    named = [pytest.param(row, kind, id=f"{row}-{'async' if kind else 'sync'}") for row, kind in streams]
    return pytest.mark.parametrize(("row", "is_async"), named)


@each_way(ALL_WAYS)
async def test_a_call_is_one_span_and_nothing_else_changes(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    client = clients(row, way.is_async)
    fake.always(way.reply)
    bare = await outcome(way, client, row)
    with logged(row):
        traced = await outcome(way, client, row)
    assert traced == bare
    assert_sent_alike(fake)
    assert_told(row, one_span(row, recorder), way.reply, way.streams, fake)


@each_way((row, way) for row, way in ALL_WAYS if row.tools and not way.only_text)
async def test_a_tool_call_is_told(row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients) -> None:
    reply = Reply(text="", tool_calls=(ToolCall(),))
    fake.always(reply)
    with logged(row):
        await take(way, clients(row, way.is_async), row)
    assert_told(row, one_span(row, recorder), reply, way.streams, fake)


@each_way(FIRST_WAYS)
@pytest.mark.parametrize("fault", [400, 401, 429, 500, 529])
async def test_the_sdks_own_error_reaches_the_application_unchanged(
    row: Row, way: Way, fault: int, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    client = clients(row, way.is_async)
    fake.always(Fault(fault))
    bare = await outcome(way, client, row)
    with logged(row):
        traced = await outcome(way, client, row)
    assert traced == bare
    assert isinstance(bare[0], type)
    assert_sent_alike(fake)
    assert_failed(one_span(row, recorder), bare[0], bare[1])


@each_way((row, way) for row, way in FIRST_WAYS if row.retries)
async def test_a_retried_call_is_one_span(row: Row, way: Way, fake: Provider, recorder: Recorder) -> None:
    fake.always(way.reply)
    await retried(row, way, fake)
    span = one_span(row, recorder)
    assert_told(row, span, way.reply, way.streams, fake, but={RESENT})
    assert (span.attributes or {})[RESENT] == 2


@each_way((row, way) for row, way in FIRST_WAYS if row.retries)
async def test_a_call_that_fails_after_retries_tells_of_them(
    row: Row, way: Way, fake: Provider, recorder: Recorder
) -> None:
    fake.always(Fault(400))
    with pytest.raises(ANY):
        await retried(row, way, fake)
    span = one_span(row, recorder)
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})[RESENT] == 2


@each_way((row, way) for row, way in FIRST_WAYS if row.timeouts)
async def test_a_timeout_is_an_error(row: Row, way: Way, fake: Provider, recorder: Recorder) -> None:
    opened = row.open_async if way.is_async else row.open
    assert opened is not None
    client = opened(fake.url, timeout=0.1)
    fake.always(Silence())
    with logged(row), pytest.raises(ANY) as raised:
        await take(way, client, row)
    fake.release()
    await closed(row.connection(client))
    assert_failed(one_span(row, recorder), type(raised.value), str(raised.value))


@each_way(FIRST_WAYS)
async def test_a_dropped_connection_is_an_error(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    client = clients(row, way.is_async)
    fake.always(Hangup())
    bare = await outcome(way, client, row)
    with logged(row):
        traced = await outcome(way, client, row)
    assert traced[0] == bare[0]
    assert_failed(one_span(row, recorder), traced[0], traced[1])


@each_stream((row, kind) for row, kind in STREAMS if row.raises)
async def test_a_stream_cut_by_the_provider_is_an_error_with_what_was_seen(
    row: Row, is_async: bool, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    fake.always(Reply(LONG, cut_after=6))
    with logged(row), pytest.raises(ANY) as raised:
        async for _ in chunks_of(await opened_stream(row, is_async, clients)):
            pass
    span = one_span(row, recorder)
    error = raised.value.__cause__ if row.wraps else raised.value
    assert error is not None
    assert_failed(span, type(error), str(error))
    assert_partial(span)


@each_stream(STREAMS)
@pytest.mark.parametrize("how", ["dropped", "closed"])
async def test_a_stream_that_is_left_ends_its_span_with_what_was_seen(
    row: Row, is_async: bool, how: str, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    fake.always(Reply(LONG, held_after=6))
    with logged(row):
        stream = await opened_stream(row, is_async, clients)
        for _ in range(5):
            await anext(stream) if is_async else next(iter(stream))
        if how == "closed":
            await closed(stream)
        del stream
        fake.release()
        await all_ended(recorder)
    span = one_span(row, recorder)
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {}).get("spanbook.stream.end") == "abandoned"
    assert_partial(span)


@each_stream(STREAMS)
async def test_a_stream_that_is_never_read_ends_its_span(
    row: Row, is_async: bool, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    with logged(row):
        stream = await opened_stream(row, is_async, clients)
        await closed(stream)
        del stream
        await all_ended(recorder)
    for span in recorder.finished:
        assert span.status.status_code is StatusCode.UNSET
    assert len(fake.requests) <= len(recorder.finished) <= 1


@each_stream(STREAMS)
async def test_a_stream_is_of_the_class_that_the_bare_sdk_gives(
    row: Row, is_async: bool, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    bare = await opened_stream(row, is_async, clients)
    with logged(row):
        traced = await opened_stream(row, is_async, clients)
    assert isinstance(traced, type(bare))
    assert traced.__class__ is bare.__class__
    assert set(dir(bare)) <= set(dir(traced))
    for stream in (bare, traced):
        await closed(stream)
    del bare, traced, stream
    await all_ended(recorder)


@each_stream(STREAMS)
async def test_between_chunks_the_current_span_is_the_callers(
    row: Row, is_async: bool, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    tracer = recorder.tracer()
    with logged(row), tracer.start_as_current_span("caller") as caller:
        stream = await opened_stream(row, is_async, clients)
        assert trace.get_current_span() is caller
        async for _ in chunks_of(stream):
            assert trace.get_current_span() is caller
    span = one_span(row, recorder, beside="caller")
    assert span.parent is not None
    assert span.parent.span_id == caller.get_span_context().span_id


@each_way((row, way) for row, way in FIRST_WAYS if way.is_async)
async def test_a_cancelled_call_is_an_error(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    fake.always(Silence())
    with logged(row):
        task = asyncio.create_task(take(way, clients(row, True), row))
        assert await asyncio.to_thread(fake.arrived.acquire, timeout=10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    fake.release()
    assert_failed(one_span(row, recorder), asyncio.CancelledError, "")


@each_stream((row, kind) for row, kind in STREAMS if kind)
async def test_a_cancelled_stream_is_an_error_with_what_was_seen(
    row: Row, is_async: bool, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    fake.always(Reply(LONG, held_after=6))
    seen = asyncio.Event()

    async def read() -> None:
        async for _ in chunks_of(await opened_stream(row, is_async, clients)):
            seen.set()

    with logged(row):
        task = asyncio.create_task(read())
        await asyncio.wait((task, asyncio.ensure_future(seen.wait())), return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    fake.release()
    assert_failed(one_span(row, recorder), asyncio.CancelledError, "")


@each_way(FIRST_WAYS)
async def test_autolog_twice_is_one_span_and_unlog_restores_everything(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    client = clients(row, way.is_async)
    module = sdk_module(row)
    before = patched_objects(module)
    for _ in range(3):
        module.autolog()
        module.autolog()
        await take(way, client, row)
        one_span(row, recorder)
        recorder.clear()
        module.unlog()
        await take(way, client, row)
        assert recorder.finished == []
    assert patched_objects(module) == before


@each_way(FIRST_WAYS)
async def test_with_every_sdk_traced_a_call_is_still_one_span(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    client = clients(row, way.is_async)
    spanbook.autolog()
    try:
        await take(way, client, row)
    finally:
        spanbook.unlog()
    one_span(row, recorder)


@each_way(FIRST_WAYS)
async def test_content_that_is_not_captured_is_nowhere(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    from spanbook import _settings

    _settings.configure(content=False, events=True)
    with logged(row):
        await take(way, clients(row, way.is_async), row)
    assert recorder.signals
    events = recorder.signals.events()
    told = repr([dict(one_span(row, recorder).attributes or {}), [dict(event.attributes or {}) for event in events]])
    assert "Paris" not in told
    assert way.reply.text not in told
    assert "Be brief" not in told


@each_way(FIRST_WAYS)
async def test_what_a_redact_hook_replaces_is_nowhere(
    row: Row, way: Way, fake: Provider, recorder: Recorder, clients: Clients
) -> None:
    from spanbook import _settings

    seen: list[Any] = []

    def redact(path: str, value: Any) -> Any:
        seen.append(value)
        return "-" if isinstance(value, str) else value

    _settings.configure(redact=redact)
    client = clients(row, way.is_async)
    with logged(row):
        await take(way, client, row)
        fake.always(Fault(400, message="about Paris"))
        with suppress(Exception):
            await take(way, client, row)
    assert QUESTION in seen
    assert recorder.signals
    events = [dict(event.attributes or {}) for event in recorder.signals.events()]
    told = repr([(dict(span.attributes or {}), span.status.description) for span in recorder.finished] + events)
    assert "Paris" not in told
    assert way.reply.text not in told
    assert "Be brief" not in told


async def test_no_recommended_attribute_is_left_out_without_a_reason() -> None:
    """The last one: what it looks at is what all scenarios before it produced."""
    if not {row.name for row, _ in ALL_WAYS} <= COVERAGE.rows:
        pytest.skip("says something after all scenarios only")
    assert COVERAGE.left_out() == {}


async def retried(row: Row, way: Way, fake: Provider) -> None:
    """Make a call whose first two requests fail."""
    opened = row.open_async if way.is_async else row.open
    assert opened is not None
    client = opened(fake.url, retries=2)
    fake.reply(Fault(429), Fault(500))
    try:
        with logged(row), logged(replace(row, sdk=row.retried_by)) if row.retried_by else nullcontext():
            await take(way, client, replace(row, fields={**row.fields, **row.retrying}))
    finally:
        await closed(row.connection(client))
    assert len(fake.requests) == 3


async def opened_stream(row: Row, is_async: bool, clients: Clients) -> Any:
    run = row.astream if is_async else row.stream
    assert run is not None
    stream = run(clients(row, is_async), row.fields)
    return await stream if hasattr(stream, "__await__") else stream


async def all_ended(recorder: Recorder) -> None:
    """A dropped asynchronous generator is closed by its event loop, some steps later."""
    gc.collect()
    for _ in range(1000):
        if not recorder.still_open:
            return
        await asyncio.sleep(0)


def one_span(row: Row, recorder: Recorder, beside: str = "") -> ReadableSpan:
    """The call's one span, which says nothing that the conventions do not know."""
    gc.collect()
    (span,) = [span for span in recorder.finished if span.name != beside]
    COVERAGE.add(row.sdk, span)
    COVERAGE.rows.add(row.name)
    assert unexplained(row.sdk, recorder.deviations([span])) == []
    if recorder.signals:
        assert_signals(row, span, recorder.signals)
    return span


def assert_signals(row: Row, span: ReadableSpan, signals: Signals) -> None:
    """The events and the metrics of a call say what its span says, by the conventions."""
    events, metrics = signals.events(), signals.metrics()
    assert unexplained(row.sdk, deviations(events, metrics)) == []
    inference = row.operation in registry.INFERENCE
    failed = "error.type" in (span.attributes or {})
    assert [event.event_name for event in events] == [DETAILS] * inference + [EXCEPTION] * failed
    for event in events:
        assert span.context is not None
        assert (event.trace_id, event.span_id) == (span.context.trace_id, span.context.span_id)
    if inference:
        told = values(span.attributes or {})
        assert plain(events[0].attributes) == {name: told[name] for name in told if not name.startswith(OF_PROVIDERS)}
    assert DURATIONS.get(row.operation, "gen_ai.client.operation.duration") in metrics
    for metric in metrics.values():
        for point in metric.data.data_points:
            dimensions = {**(point.attributes or {})}
            dimensions.pop("gen_ai.token.modality", None)
            assert dimensions.items() <= dict(span.attributes or {}).items()


def assert_told(
    row: Row,
    span: ReadableSpan,
    reply: Reply,
    streamed: bool,
    fake: Provider,
    but: Collection[str] = (),
) -> None:
    """The whole span, and nothing but it."""
    told = {name: value for name, value in (span.attributes or {}).items() if name not in but}
    wanted = {**always(row, streamed, fake), **row.asked, **row.answered(reply, streamed)}
    if streamed and row.operation != "fetch_response":
        assert isinstance(told.pop(FIRST_CHUNK, None), float)
    assert values(told) == values(wanted)
    assert span.status.status_code is StatusCode.UNSET


def always(row: Row, streamed: bool, fake: Provider) -> dict[str, Any]:
    host, _, port = fake.url.removeprefix("http://").partition(":")
    said: dict[str, Any] = {
        "gen_ai.operation.name": row.operation,
        "gen_ai.provider.name": row.provider,
        "gen_ai.request.model": row.model,
        "server.address": host,
        "server.port": int(port),
    }
    if not row.model:
        del said["gen_ai.request.model"]
    return said | ({"gen_ai.request.stream": True} if streamed and row.operation != "fetch_response" else {})


def values(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes with content as values, so that the order of keys in its JSON does not matter."""
    return {
        name: json.loads(value) if name in CONTENT and isinstance(value, str) else plain(value)
        for name, value in attributes.items()
    }


def assert_failed(span: ReadableSpan, error: type[BaseException], words: str) -> None:
    assert span.status.status_code is StatusCode.ERROR
    assert (span.status.description or "") == words
    assert str((span.attributes or {})["error.type"]).endswith(error.__qualname__)
    assert "gen_ai.response.finish_reasons" not in (span.attributes or {})


def assert_partial(span: ReadableSpan) -> None:
    """What came before the end is on the span."""
    messages = json.loads(str((span.attributes or {})["gen_ai.output.messages"]))
    said = messages[0]["parts"][0]["content"]
    assert said
    assert LONG.startswith(said)


def assert_sent_alike(fake: Provider) -> None:
    """The second half of the requests are those of the first half."""
    requests = [sent(request) for request in fake.requests]
    half = len(requests) // 2
    assert half > 0
    assert requests[half:] == requests[:half]


def patched_objects(module: Any) -> list[Any]:
    """What stands where the hooks of an SDK point to."""
    import sys

    import wrapt

    found = []
    for hook in module._sdk.hooks:
        if hook.module in sys.modules:
            with suppress(AttributeError):
                owner, name, _ = wrapt.resolve_path(sys.modules[hook.module], hook.method)
                found.append(owner.__dict__.get(name))
    return found
