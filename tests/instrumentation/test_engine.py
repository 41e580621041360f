"""What the engine promises for every SDK: patches that come and go, calls that end once, contexts that stay clean."""

import asyncio
import gc
import importlib
import inspect
import logging
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current, set_value
from opentelemetry.sdk.trace import SpanProcessor

import spanbook
from clients.spans import Spans
from spanbook import Content, _settings, _suppression
from spanbook._call import Call
from spanbook._chat_completions import ChatCompletions
from spanbook._readers import Attributes, Fields, Reader
from spanbook._sdk import Hook, Patch, Sdk


class Echo(Reader):
    """An API whose answer is a dict."""

    operation = "chat"

    def request(self, request: Fields) -> Attributes:
        return {"gen_ai.request.model": request.get("model")}

    def response(self, response: Any) -> Attributes:
        return {"gen_ai.response.id": response["id"]}

    def join(self, chunks: list[Any]) -> Any:
        return {"id": "".join(chunks)}


class Client:
    """An SDK of every shape that one meets."""

    def plain(self, model: str) -> Any:
        return {"id": "r", "current": trace.get_current_span()}

    async def coroutine(self, model: str) -> Any:
        return self.plain(model)

    def decorated(self, model: str) -> Any:
        return self.coroutine(model)

    def generator(self, model: str) -> Generator[str, None, None]:
        yield from "abc"

    async def async_generator(self, model: str) -> AsyncGenerator[str, None]:
        for letter in "abc":
            yield letter

    def iterator(self, model: str) -> Any:
        return OwnStream()

    def events(self, model: str) -> Any:
        return Events()

    def broken(self, model: str) -> Any:
        raise LookupError("no such model")

    def nested(self, model: str) -> Any:
        return self.plain(model)


class OwnStream:
    """An SDK's own stream class."""

    def __init__(self) -> None:
        self.letters = iter("abc")
        self.closed = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self.letters)

    def __enter__(self) -> "OwnStream":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True


class Events:
    """A stream around a generator, whose response takes no other `close`."""

    response = object()

    def __init__(self) -> None:
        self.generator = (letter for letter in "abc")


METHODS = [name for name in vars(Client) if not name.startswith("_")]


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    module = ModuleType("an_sdk")
    module.Client = Client  # type: ignore[attr-defined]
    sys.modules["an_sdk"] = module
    sdk = Sdk("acme", "an-sdk>=1", tuple(Hook("an_sdk", f"Client.{method}", Echo()) for method in METHODS))
    sdk.autolog()
    yield sdk
    sdk.unlog()
    del sys.modules["an_sdk"]


ANSWERED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "m",
    "gen_ai.response.id": "r",
}


def test_a_call_runs_inside_its_span(sdk: Sdk, spans: Spans) -> None:
    assert Client().plain("m")["current"].get_span_context() == spans.only().get_span_context()
    assert spans.attributes() == ANSWERED


@pytest.mark.parametrize("method", ["coroutine", "decorated"])
async def test_a_coroutine_ends_its_span_when_awaited(sdk: Sdk, spans: Spans, method: str) -> None:
    pending = getattr(Client(), method)(model="m")
    assert inspect.iscoroutine(pending)
    assert not spans.ended
    await pending
    assert spans.attributes() == ANSWERED


async def test_a_coroutine_that_nobody_awaits_is_no_call(sdk: Sdk, spans: Spans) -> None:
    Client().coroutine("m").close()
    gc.collect()
    assert not spans.ended


def test_a_generator_is_still_a_generator(sdk: Sdk, spans: Spans) -> None:
    stream = Client().generator("m")
    assert inspect.isgenerator(stream)
    assert list(stream) == ["a", "b", "c"]
    assert spans.attributes()["gen_ai.response.id"] == "abc"


async def test_an_async_generator_is_still_one(sdk: Sdk, spans: Spans) -> None:
    stream = Client().async_generator("m")
    assert inspect.isasyncgen(stream)
    assert [letter async for letter in stream] == ["a", "b", "c"]
    assert spans.attributes()["gen_ai.response.id"] == "abc"


def test_an_sdks_own_stream_keeps_its_class_and_methods(sdk: Sdk, spans: Spans) -> None:
    with Client().iterator("m") as stream:
        assert isinstance(stream, OwnStream)
        assert next(stream) == "a"
    assert stream.closed
    assert spans.attributes()["gen_ai.response.id"] == "a"
    assert spans.attributes()["spanbook.stream.end"] == "abandoned"


def test_a_dropped_stream_ends_its_span_at_once(sdk: Sdk, spans: Spans) -> None:
    gc.disable()
    try:
        stream = Client().generator("m")
        next(stream)
        del stream
        assert spans.attributes()["gen_ai.response.id"] == "a"
    finally:
        gc.enable()


def test_the_first_chunk_is_timed(sdk: Sdk, spans: Spans) -> None:
    list(Client().generator("m"))
    assert 0 < spans.attributes()["gen_ai.response.time_to_first_chunk"] < 60


def test_an_exception_is_the_sdks_own_and_is_told(sdk: Sdk, spans: Spans) -> None:
    with pytest.raises(LookupError, match="no such model") as raised:
        Client().broken("m")
    assert raised.value.__context__ is None
    span = spans.only()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "LookupError"
    assert span.status.description == "no such model"


def test_an_interrupt_is_not_the_models_error(sdk: Sdk, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Client) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(OwnStream, "__next__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(Client().iterator("m"))
    assert "error.type" not in spans.attributes()


def test_autolog_twice_patches_once_and_unlog_restores_the_very_function(sdk: Sdk, spans: Spans) -> None:
    patched = inspect.getattr_static(Client, "plain")
    sdk.autolog()
    assert inspect.getattr_static(Client, "plain") is patched
    sdk.unlog()
    assert inspect.isfunction(inspect.getattr_static(Client, "plain"))
    for _ in range(3):
        sdk.autolog()
        sdk.unlog()
    assert inspect.isfunction(inspect.getattr_static(Client, "plain"))
    Client().plain("m")
    assert not spans.ended


def test_a_bound_method_kept_from_before_unlog_is_silent(sdk: Sdk, spans: Spans) -> None:
    kept = Client().plain
    sdk.unlog()
    kept("m")
    assert not spans.ended


def test_a_patch_made_after_ours_survives_unlog(sdk: Sdk, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Client.plain
    foreign = lambda self, model: ours(self, model)  # noqa: E731
    monkeypatch.setattr(Client, "plain", foreign)
    sdk.unlog()
    assert inspect.getattr_static(Client, "plain") is foreign
    Client().plain("m")
    assert not spans.ended


def test_signatures_are_those_of_the_sdk(sdk: Sdk) -> None:
    patched = inspect.signature(Client.plain)
    sdk.unlog()
    assert inspect.signature(Client.plain) == patched


def test_a_library_that_is_not_installed_is_said_at_once() -> None:
    absent = Sdk("nobody", "no-such-sdk>=1", (Hook("no_such_sdk.client", "Client.create", Echo()),))
    with pytest.raises(RuntimeError, match="pip install 'no-such-sdk>=1'"):
        absent.autolog()
    absent.instrument()


@pytest.mark.parametrize("place", ["shared", "nowhere"])
def test_a_namespace_that_others_share_is_not_the_library(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared" / "others").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    sdk = Sdk("acme", "an-sdk>=1", (Hook(f"{place}.acme.models", "Client.plain", Echo()),), library=f"{place}.acme")
    with pytest.raises(RuntimeError, match=f"`{place}.acme` is not installed"):
        sdk.autolog()


def test_a_method_that_is_gone_is_said_and_the_others_are_traced(
    spans: Spans, sdk: Sdk, caplog: pytest.LogCaptureFixture
) -> None:
    sdk.unlog()
    other = Sdk(
        "acme",
        "an-sdk>=1",
        (Hook("an_sdk", "Client.gone", Echo()), Hook("an_sdk", "Client.plain", Echo())),
    )
    other.autolog()
    Client().plain("m")
    other.unlog()
    assert "an_sdk has no an_sdk.Client.gone" in caplog.text
    assert spans.only()


def test_a_patch_that_fails_does_not_fail_the_import_it_happens_in(
    spans: Spans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def made_of(sdk: Sdk, original: Any) -> Any:
        return original.gone

    _settings.configure(raise_errors=False)
    (tmp_path / "odd_sdk.py").write_text("class Client:\n    def first(self): return {}\n    second = first\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    odd = Sdk("odd", "odd-sdk", (Patch("odd_sdk", "Client.first", made_of), Hook("odd_sdk", "Client.second", Reader())))
    odd.autolog()
    try:
        client = importlib.import_module("odd_sdk").Client()
        assert client.first() == client.second() == {}
    finally:
        odd.unlog()
    assert spans.only().name == "chat"
    assert "could not be recorded" in caplog.text


def test_autolog_before_the_import_works_as_well(tmp_path: Any) -> None:
    (tmp_path / "late_sdk.py").write_text("class Client:\n    def create(self):\n        return {'id': 'r'}\n")
    program = """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry import trace
        from spanbook._readers import Reader
        from spanbook._sdk import Hook, Sdk

        sdk = Sdk("late", "late-sdk", (Hook("late_sdk", "Client.create", Reader()),))
        sdk.autolog()
        import sys
        assert "late_sdk" not in sys.modules
        from late_sdk import Client

        client = Client()
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)  # after autolog, as applications do
        client.create()
        assert [span.name for span in exporter.get_finished_spans()] == ["chat"]
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, cwd=tmp_path)


# ---- one call, one span


def test_an_inner_call_adds_to_the_outer_one(sdk: Sdk, spans: Spans) -> None:
    Client().nested("m")
    assert spans.only().name == "chat m"
    assert spans.attributes()["gen_ai.response.id"] == "r"


def test_what_the_outer_call_knows_stands(sdk: Sdk, spans: Spans) -> None:
    outer = Call("chat", {"gen_ai.request.model": "outer", "gen_ai.provider.name": "outer"}, reader=Echo())
    outer.attach()
    try:
        Client().plain("inner")
        next(Client().generator("inner"))
    finally:
        outer.detach()
    outer.finish({"id": "outer"})
    assert spans.only().name == "chat outer"
    assert spans.attributes() == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "outer",
        "gen_ai.request.model": "outer",
        "gen_ai.response.id": "outer",
    } | {"gen_ai.response.time_to_first_chunk": spans.attributes()["gen_ai.response.time_to_first_chunk"]}


def test_the_official_mark_of_a_call_that_ended_owns_nothing(sdk: Sdk, spans: Spans) -> None:
    pytest.importorskip("opentelemetry.util.genai._inference_invocation", reason="needs a newer OpenTelemetry")
    call = Call("chat", {}, reader=Echo())
    assert _suppression.owner(call.context, "chat") is call
    call.finish()
    assert _suppression.owner(call.context, "chat") is None


def test_a_call_after_the_outer_one_ended_is_its_own(sdk: Sdk, spans: Spans) -> None:
    contexts: list[Any] = []
    original = Client.plain

    def remembering(self: Client, model: str) -> Any:
        contexts.append(copy_context())
        return original(self, model)

    Client.plain = remembering  # type: ignore[method-assign]
    try:
        Client().nested("m")
    finally:
        Client.plain = original  # type: ignore[method-assign]
    contexts[0].run(Client().plain, "late")  # as a task does that outlives the call which started it
    assert [span.name for span in spans.ended] == ["chat m", "chat late"]


@pytest.mark.parametrize("key", ["suppress_language_model_instrumentation"])
def test_traceloops_mark_is_honoured(sdk: Sdk, spans: Spans, key: str) -> None:
    token = attach(set_value(key, True))
    try:
        Client().plain("m")
    finally:
        detach(token)
    assert not spans.ended


def test_opentelemetrys_suppression_is_honoured(sdk: Sdk, spans: Spans) -> None:
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        Client().plain("m")
        list(Client().generator("m"))
    finally:
        detach(token)
    assert not spans.ended


class OfficialRecord:
    """What `opentelemetry-util-genai` keeps in the context for the call that it owns."""

    response_id: str | None = None
    provider_name: str | None = None


def test_a_call_owned_by_opentelemetrys_package_gets_what_we_learn(sdk: Sdk, spans: Spans) -> None:
    record = OfficialRecord()
    with spans.provider.get_tracer("official").start_as_current_span("theirs"):
        token = attach(set_value("opentelemetry.genai.client.inference.context", record))
        try:
            Client().plain("m")
        finally:
            detach(token)
    assert spans.only().name == "theirs"
    assert (record.response_id, record.provider_name) == ("r", "acme")


def test_where_their_span_comes_to_nothing_there_is_ours(sdk: Sdk, spans: Spans) -> None:
    token = attach(set_value("opentelemetry.genai.client.inference.context", OfficialRecord()))
    try:
        Client().plain("m")
    finally:
        detach(token)
    assert spans.only().name == "chat m"


NATIVE = {"gen_ai.operation.name": "chat"}


def test_a_library_that_traces_itself_gets_what_its_model_call_does_not_say(sdk: Sdk, spans: Spans) -> None:
    native = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "theirs"}
    with spans.provider.get_tracer("strands").start_as_current_span("chat theirs", attributes=native):
        Client().plain("m")
        Client().plain("m")  # they try again: a call of its own
    again, theirs = spans.ended
    assert (again.name, theirs.name) == ("chat m", "chat theirs")
    assert dict(theirs.attributes or {}) == {**ANSWERED, "gen_ai.request.model": "theirs"}


def test_what_is_called_for_their_span_is_the_same_call_further_in(sdk: Sdk, spans: Spans) -> None:
    with spans.provider.get_tracer("strands").start_as_current_span("theirs", attributes=NATIVE):
        assert Client().nested("m")["id"] == "r"
    assert spans.attributes() == ANSWERED


def test_their_span_that_ends_before_its_stream_has_what_was_asked(
    sdk: Sdk, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    with spans.provider.get_tracer("strands").start_as_current_span("chat", attributes=NATIVE):
        stream = Client().generator("m")
        next(stream)
    assert list(stream) == ["b", "c"]
    assert spans.attributes() == {name: told for name, told in ANSWERED.items() if name != "gen_ai.response.id"}
    assert caplog.text == ""


WHOLE = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
USED = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}}


@pytest.mark.parametrize("says", [{}, {"gen_ai.usage.output_tokens": 3}], ids=["it tells no usage", "it tells usage"])
def test_their_span_that_ends_with_the_last_word_has_that_and_usage_is_told_once(
    spans: Spans, says: dict[str, Any]
) -> None:
    tracer = spans.provider.get_tracer("strands")
    with tracer.start_as_current_span("theirs", attributes=NATIVE) as theirs:
        call = Call.begin(ChatCompletions(), {"model": "m", "messages": [{"role": "user", "content": "?"}]}, {})
        assert call is not None
        call.chunk(WHOLE)
        theirs.set_attributes(says)
    call.chunk(USED)
    call.finish()
    first, *own = spans.ended
    assert (first.attributes or {})["gen_ai.response.finish_reasons"] == ("stop",)
    assert "Hi" in str((first.attributes or {})["gen_ai.output.messages"])
    assert [(span.name, (span.attributes or {})["gen_ai.usage.input_tokens"]) for span in own] == (
        [] if says else [("chat m", 11)]
    )
    assert all(span.parent == first.context and span.start_time < theirs.end_time for span in own)  # type: ignore


@pytest.mark.parametrize(("content", "told"), [("span_only", 1), ("event_only", 0)])
def test_their_span_gets_content_where_spans_have_it(spans: Spans, content: Content, told: int) -> None:
    spanbook.configure(content=content)
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    native = {"gen_ai.operation.name": "chat"}
    with spans.provider.get_tracer("strands").start_as_current_span("chat", attributes=native):
        call = Call.begin(ChatCompletions(), asked, {})
        assert call is not None
        call.finish()
    assert len([name for name in spans.attributes() if name == "gen_ai.input.messages"]) == told


@pytest.mark.parametrize("operation", ["invoke_agent", "embeddings"])
def test_a_span_of_another_kind_owns_no_model_call(sdk: Sdk, spans: Spans, operation: str) -> None:
    with spans.provider.get_tracer("strands").start_as_current_span(
        "it", attributes={"gen_ai.operation.name": operation}
    ):
        Client().plain("m")
    assert [span.name for span in spans.ended] == ["chat m", "it"]


# ---- contexts


def call(model: str, context: int = 0) -> Any:
    return Client().plain(model)


@pytest.mark.parametrize(
    "handed",
    [
        lambda pool: pool.submit(call, "m"),
        lambda pool: pool.submit(call, model="m", context=1),
        lambda pool: pool.submit(copy_context().run, call, "m"),
    ],
    ids=("plainly", "by name", "in a context"),
)
def test_work_in_a_pool_is_below_the_span_that_handed_it_over(
    sdk: Sdk, spans: Spans, handed: Callable[[ThreadPoolExecutor], Any]
) -> None:
    tracer = spans.provider.get_tracer("test")
    with ThreadPoolExecutor(1) as pool:
        with tracer.start_as_current_span("parent") as parent:
            handed(pool).result()
        pool.submit(call, "m").result()  # in the same thread, whose context is as it was
    inside, _, outside = spans.ended
    assert inside.parent is not None
    assert inside.parent.span_id == parent.get_span_context().span_id
    assert outside.parent is None


async def test_what_an_event_loop_hands_to_its_pool_is_too(sdk: Sdk, spans: Spans) -> None:
    with spans.provider.get_tracer("test").start_as_current_span("parent"):
        await asyncio.get_running_loop().run_in_executor(None, call, "m")
    inside, parent = spans.ended
    assert inside.parent is not None
    assert parent.context is not None
    assert inside.parent.span_id == parent.context.span_id


def test_pools_are_as_they_were_when_nothing_is_traced_any_more(sdk: Sdk) -> None:
    traced = ThreadPoolExecutor.submit
    assert list(inspect.signature(traced).parameters) == ["self", "fn", "args", "kwargs"]
    assert pickle.loads(pickle.dumps(traced)) is traced
    sdk.unlog()
    original = ThreadPoolExecutor.submit
    assert original is not traced
    assert original.__module__ == traced.__module__
    with ThreadPoolExecutor(1) as pool:
        assert traced(pool, call, "m").result() is not None  # a method that somebody kept
    sdk.autolog()
    assert ThreadPoolExecutor.submit is not original


async def test_tasks_side_by_side_do_not_mix(sdk: Sdk, spans: Spans) -> None:
    tracer = spans.provider.get_tracer("test")

    async def one(name: str) -> None:
        with tracer.start_as_current_span(name):
            async for _ in Client().async_generator(name):
                await asyncio.sleep(0)

    await asyncio.gather(*(one(f"task {number}") for number in range(5)))
    parents = {span.context.span_id: span.name for span in spans.ended if span.parent is None and span.context}
    calls = [span for span in spans.ended if span.parent is not None]
    assert len(calls) == 5
    for span in calls:
        assert span.parent
        assert span.name == f"chat {parents[span.parent.span_id]}"


async def test_a_coroutine_closed_from_elsewhere_says_nothing(
    sdk: Sdk, spans: Spans, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def waiting(self: Client, model: str) -> Any:
        await asyncio.Event().wait()

    sdk.unlog()
    monkeypatch.setattr(Client, "coroutine", waiting)
    sdk.autolog()
    pending = Client().coroutine("m")
    copy_context().run(pending.send, None)
    with caplog.at_level(logging.DEBUG):
        copy_context().run(pending.close)
    assert "detach" not in caplog.text
    assert spans.only().name == "chat m"


def test_the_context_is_as_it_was_after_every_call(sdk: Sdk, spans: Spans) -> None:
    before = get_current()
    client = Client()
    client.plain("m")
    list(client.generator("m"))
    next(client.generator("m"))
    with pytest.raises(LookupError):
        client.broken("m")
    assert get_current() is before or get_current() == before


# ---- never hurt


class Clumsy(Echo):
    def request(self, request: Fields) -> Attributes:
        raise ZeroDivisionError("secret prompt")

    def request_content(self, request: Fields) -> Attributes:
        raise ZeroDivisionError("secret prompt")

    def response(self, response: Any) -> Attributes:
        raise ZeroDivisionError("secret prompt")

    def join(self, chunks: list[Any]) -> Any:
        raise ZeroDivisionError("secret prompt")


def test_a_reader_that_fails_costs_attributes_and_never_the_call(
    sdk: Sdk, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    _settings.configure(raise_errors=False)
    sdk.unlog()
    hooks = tuple(Hook("an_sdk", f"Client.{method}", Clumsy()) for method in ("plain", "generator"))
    clumsy = Sdk("acme", "an-sdk>=1", hooks)
    clumsy.autolog()
    assert Client().plain("m")["id"] == "r"
    assert list(Client().generator("m")) == ["a", "b", "c"]
    clumsy.unlog()
    assert [span.name for span in spans.ended] == ["chat", "chat"]
    assert "could not be recorded" in caplog.text
    assert "secret" not in caplog.text


class Rude(SpanProcessor):
    """An application's processor that raises."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if span.name == "chat start":
            raise ZeroDivisionError

    def on_end(self, span: Any) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("model", ["start", "end"])
def test_a_processor_that_raises_does_not_reach_the_call(sdk: Sdk, spans: Spans, model: str) -> None:
    _settings.configure(raise_errors=False)
    spans.provider.add_span_processor(Rude())
    assert Client().plain(model)["id"] == "r"
    assert list(Client().generator(model)) == ["a", "b", "c"]


def test_a_stream_that_cannot_be_watched_is_read_as_ever(sdk: Sdk, spans: Spans) -> None:
    _settings.configure(raise_errors=False)
    assert list(Client().events("m").generator) == ["a", "b", "c"]
    assert spans.only().name == "chat m"


def test_under_our_own_tests_such_a_failure_is_raised(sdk: Sdk, spans: Spans) -> None:
    sdk.unlog()
    clumsy = Sdk("acme", "an-sdk>=1", (Hook("an_sdk", "Client.plain", Clumsy()),))
    clumsy.autolog()
    try:
        with pytest.raises(ZeroDivisionError):
            Client().plain("m")
    finally:
        clumsy.unlog()


def test_what_opentelemetry_cannot_store_is_left_out(spans: Spans) -> None:
    call = Call("chat", {"gen_ai.request.model": "m", "odd": object(), "none": None, "empty": [], "lone": "a\ud800"})
    call.finish()
    assert spans.attributes() == {"gen_ai.request.model": "m", "lone": "a?"}


def test_a_call_ends_once(spans: Spans) -> None:
    call = Call("chat", {}, reader=Echo())
    threads = [threading.Thread(target=call.finish, args=({"id": "r"},)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    call.fail(ValueError())
    assert spans.attributes() == {"gen_ai.response.id": "r"}


def test_a_suppressed_context_gets_no_span_by_any_way(spans: Spans) -> None:
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

    call = Call("chat", {}, parent=Context({_SUPPRESS_INSTRUMENTATION_KEY: True}))
    call.finish()
    assert not spans.ended
