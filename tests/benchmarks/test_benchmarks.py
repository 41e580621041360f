"""The benchmarks start, finish and print a table; what their figures are is not for tests to say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[2] / "benchmarks"
_LONG = pytest.mark.skipif(not os.environ.get("SPANBOOK_SOAK"), reason="takes long: SPANBOOK_SOAK=1 runs it")


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("queries", ()),
        ("throughput", ("--shape", "whole")),
        pytest.param("floor", (), marks=_LONG),
        pytest.param("latency", (), marks=_LONG),
        pytest.param("overload", (), marks=_LONG),
        pytest.param("peers", ("--peers", ""), marks=_LONG),
    ],
)
def test_a_benchmark_ends_with_a_table(program: str, options: tuple[str, ...]) -> None:
    command = [sys.executable, str(_FOLDER / f"{program}.py"), "--tiny", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "| --- |" in done.stdout
