"""What the benchmarks share: a collector to measure, load on it, the CPU and memory of its processes, and tables.

CPU seconds say more than seconds on a machine that others use too, so both are shown; what is compared is measured in
the same run.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psutil

_ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(_ROOT / "tests"))

from running.collector import PARTS, Collector, free_ports  # noqa: E402
from running.load import Load  # noqa: E402

__all__ = [
    "PARTS",
    "SPLIT",
    "Collector",
    "Load",
    "Watch",
    "arguments",
    "collector",
    "free_ports",
    "idle",
    "report",
    "table",
]

# What the generator is told so that a trace comes in three requests, one in twenty of them late.
SPLIT = ("--split", "3", "--late")


@contextmanager
def collector(**environment: str) -> Iterator[Collector]:
    """Give a collector with a directory of its own, which is thrown away."""
    settings = {f"SPANBOOK_{name.upper()}": value for name, value in environment.items()}
    with (
        tempfile.TemporaryDirectory(prefix="spanbook-bench-") as directory,
        Collector(Path(directory), environment=settings) as running,
    ):
        yield running


class Watch:
    """CPU seconds used, and peak resident bytes, of named process trees, while the block runs."""

    def __init__(self, **processes: psutil.Process | None) -> None:
        self._processes = {name: process for name, process in processes.items() if process is not None}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = dict.fromkeys(self._processes, 0)
        self.resident: list[dict[str, int]] = []  # once a second
        self._began = self._cpu()
        self._since = time.monotonic()

    @classmethod
    def of(cls, running: Collector) -> "Watch":
        """Watch the processes of a collector."""
        return cls(**{name: running.part(name) for name in PARTS})

    @property
    def seconds(self) -> float:
        """Seconds since the block began."""
        return time.monotonic() - self._since

    def cpu(self) -> dict[str, float]:
        """CPU seconds by name since the block began."""
        return {name: now - self._began[name] for name, now in self._cpu().items()}

    def __enter__(self) -> Self:
        self._began, self._since = self._cpu(), time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            now = {name: _resident(process) for name, process in self._processes.items()}
            self.peak = {name: max(self.peak[name], now[name]) for name in now}
            self.resident.append(now)
            if self._ended.wait(1.0):
                return

    def _cpu(self) -> dict[str, float]:
        return {name: _cpu(process) for name, process in self._processes.items()}


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in _tree(process)]
    return float(sum(one.user + one.system for one in times))


def _resident(process: psutil.Process) -> int:
    try:
        return int(sum(one.memory_info().rss for one in _tree(process)))
    except psutil.NoSuchProcess:
        return 0


def idle(process: psutil.Process, seconds: float = 300.0) -> None:
    """Wait until a node has nothing left to merge: its processor time says so, readers may not ask."""
    quiet, deadline = 0, time.monotonic() + seconds
    while quiet < 4 and time.monotonic() < deadline:
        before = _cpu(process)
        time.sleep(1.0)
        quiet = quiet + 1 if _cpu(process) - before < 0.15 else 0


def arguments(description: str | None, **defaults: Any) -> argparse.Namespace:
    """Read the command line: an option for each default, and `--tiny`, with which a benchmark only shows that it runs.

    A default may be a pair: what it is, and what it is when tiny.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="as little as possible: figures mean nothing")
    pairs = {name: value if isinstance(value, tuple) else (value, value) for name, value in defaults.items()}
    for name, (usual, _) in pairs.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(usual), help=f"default {usual}")
    given = parser.parse_args()
    for name, pair in pairs.items():
        if getattr(given, name) is None:
            setattr(given, name, pair[given.tiny])
    return given


def report(title: str) -> None:
    """Print what a table needs to be believed: command, commit, machine, date, and how busy the machine was."""
    commit = _output("git", "-C", str(_ROOT), "rev-parse", "--short", "HEAD")
    memory = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, Linux {platform.release()}"
    print(f"\n### {title}\n")
    print(f"`{' '.join([Path(sys.executable).name, *sys.argv])}`, commit {commit}, {time.strftime('%Y-%m-%d')},")
    print(f"{machine}, load average {os.getloadavg()[0]:.1f} at the end\n", flush=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table as Markdown."""
    cells = [list(heads), ["---"] * len(heads), *[[_shown(cell) for cell in row] for row in rows]]
    for row in cells:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
