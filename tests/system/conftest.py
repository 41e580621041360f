"""One collector for all tests that do not break it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from running.collector import Collector


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A running collector on free ports."""
    with Collector(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="session")
def told(collector: Collector) -> Collector:
    """The collector after `spanbook demo`."""
    command = [sys.executable, "-m", "spanbook_collector", "demo", "--endpoint", f"http://{collector.grpc}"]
    subprocess.run([*command, "--store", collector.store], check=True, timeout=120, stdout=subprocess.DEVNULL)
    return collector
