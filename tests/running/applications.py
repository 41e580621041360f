"""Applications that use the SDK, as child processes."""

import os
import subprocess
import sys
import textwrap

from running.collector import Collector


def run(collector: Collector, program: str) -> list[str]:
    """Run an application that exports to *collector*; what it printed, word by word."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.grpc}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()
