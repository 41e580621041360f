"""What the app side is tested with: a provider that keeps spans, and the fake provider that answers the SDKs."""

import os
from collections.abc import Iterator

os.environ["SPANBOOK_RAISE_ERRORS"] = "1"

import pytest
from opentelemetry.context import get_current

from clients.spans import Spans
from clients.trees import COVERAGE
from fakes.provider import Provider
from spanbook import _background, _provider, _settings


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Record every span of the test, with content; afterwards nothing may be left in the context."""
    recorded = Spans()
    before = get_current()
    _background.forget()
    _settings.reset()
    _settings.configure(content=True, raise_errors=True)
    _provider.use(recorded.provider)
    yield recorded
    _provider.use(None)
    _settings.reset()
    assert get_current() == before


@pytest.fixture(scope="session")
def server() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def fake(server: Provider, without_tls: None) -> Iterator[Provider]:
    yield server
    server.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := list(COVERAGE.lines()):
        terminalreporter.section("recommended attributes of the GenAI conventions, by framework")
        terminalreporter.write_line("\n".join(lines))
