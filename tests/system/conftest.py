"""One collector for all tests that do not break it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fakes.provider import Provider
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
    used = "SELECT count() FROM usage_hourly"  # computed seconds after traces, which `demo` waits for
    collector.wait_until(lambda: collector.value(used) > 0, "summed up")
    return collector


@pytest.fixture(scope="session")
def surroundings(told: Collector) -> Iterator[Mapping[str, str]]:
    """The environment of whoever tries the documentation; their model provider is a local one."""
    with Provider() as provider:
        yield {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SPANBOOK_STORE": told.store,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{told.grpc}",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "none",
        }
