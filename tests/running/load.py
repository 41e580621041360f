"""Load on a collector from `benchmarks/otlp_load.py`, with the ledger of what was acknowledged."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

_GENERATOR = Path(__file__).parents[2] / "benchmarks" / "otlp_load.py"


class Load:
    """The generator as a child process; `acknowledged` is what the collector has promised so far."""

    def __init__(self, ledger: Path, endpoint: str, *options: str, protocol: str = "grpc", seconds: float = 10) -> None:
        self._ledger, self._patience = ledger, seconds + 600
        self._command = [sys.executable, str(_GENERATOR), "--endpoint", endpoint, "--protocol", protocol]
        self._command += ["--seconds", str(seconds), "--record", str(ledger), "--retries", "30", *options]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        return self

    def running(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None

    def finish(self) -> dict[str, Any]:
        """Wait for its end and return its report."""
        assert self._process is not None
        out, _ = self._process.communicate(timeout=self._patience)
        report: dict[str, Any] = json.loads(out.splitlines()[-1])
        return report

    def acknowledged(self) -> set[str]:
        """Trace ids all of whose spans were acknowledged."""
        lines = self._ledger.read_text().splitlines() if self._ledger.exists() else []
        return {line.split()[0] for line in lines if line.endswith(" ok")}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # with its senders
        self._process.communicate()
