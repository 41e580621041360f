"""A collector with the demo's rows, as whoever reads the documentation has it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fakes.provider import Provider
from running.collector import Collector


@pytest.fixture(scope="package")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A running collector after `spanbook demo`."""
    with Collector(tmp_path_factory.mktemp("docs"), "--receiver-cors-origins=https://app.example.com") as collector:
        command = [sys.executable, "-m", "spanbook_collector", "demo", "--endpoint", f"http://{collector.grpc}"]
        subprocess.run([*command, "--store", collector.store], check=True, timeout=120, stdout=subprocess.DEVNULL)
        yield collector


@pytest.fixture(scope="package")
def surroundings(told: Collector) -> Iterator[Mapping[str, str]]:
    """The environment of a reader, whose model provider is a local one."""
    with Provider() as provider:
        yield {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SPANBOOK_STORE": told.store,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{told.grpc}",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "none",
        }
