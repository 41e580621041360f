"""A provider that the whole table shares, and a tracer whose spans are looked at, not exported."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry import trace

from fakes.provider import Provider
from scenarios.recorder import COVERAGE, Recorder
from scenarios.row import Row
from scenarios.running import closed
from scenarios.signals import Signals
from spanbook import _background, _provider, _settings


@pytest.fixture(scope="session")
def server() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def fake(server: Provider, without_tls: None) -> Iterator[Provider]:
    yield server
    server.clear()


@pytest.fixture
def only_what_is_new() -> None:
    """The scenarios collect garbage often: they look at what the test itself made, not at a dozen SDKs each time."""
    gc.freeze()


@pytest.fixture(scope="session")
def _signals() -> Signals:
    return Signals()


@pytest.fixture
def signals(_signals: Signals, monkeypatch: pytest.MonkeyPatch) -> Signals:
    """Events and metrics of one test, with their switches on."""
    _signals.clear()
    monkeypatch.setattr(_provider, "logger", lambda: _signals.logger)
    monkeypatch.setattr(_provider, "meter", lambda: _signals.meter)
    return _signals


@pytest.fixture
def recorder(caplog: pytest.LogCaptureFixture, signals: Signals, only_what_is_new: None) -> Iterator[Recorder]:
    """Spans of one test. After it no span is open, none is current, and nobody has complained."""
    recorder = Recorder(signals)
    _background.forget()
    _settings.configure(content="span_and_event", metrics=True, raise_errors=True)
    _provider.use(recorder.provider)
    yield recorder
    gc.collect()
    _provider.use(None)
    _settings.reset()
    assert not recorder.still_open
    assert not trace.get_current_span().get_span_context().is_valid
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second does not pass between two calls that are compared: LiteLLM dates answers that tell no date."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture
def odd_recorder(only_what_is_new: None) -> Iterator[Recorder]:
    """Spans of answers that readers cannot read: as in an application, a failing reader costs attributes alone."""
    recorder = Recorder()
    _settings.configure(content=True, raise_errors=False)
    _provider.use(recorder.provider)
    yield recorder
    gc.collect()
    _provider.use(None)
    _settings.reset()
    assert not recorder.still_open


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients(server: Provider) -> AsyncIterator[Callable[[Row, bool], Any]]:
    """One client of each kind for each row, since making one costs more than a call."""
    made: dict[tuple[str, bool], Any] = {}
    connections: list[Any] = []

    def client(row: Row, is_async: bool) -> Any:
        if (row.name, is_async) not in made:
            opened = row.open_async if is_async else row.open
            assert opened is not None
            made[row.name, is_async] = opened(server.url)
            connections.append(row.connection(made[row.name, is_async]))
            gc.freeze()  # the SDK that it brought in
        return made[row.name, is_async]

    yield client
    gc.unfreeze()
    for connection in connections:
        await closed(connection)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := list(COVERAGE.lines()):
        terminalreporter.section("recommended attributes of the GenAI conventions, by SDK")
        terminalreporter.write_line("\n".join(lines))
