"""SIGTERM, which ends a Python process without its exit handlers, and with it what waits to be sent.

Only where `spanbook run` begins the process, before the application's first line: whatever handler the application or
its server sets takes the place of this one. uvicorn puts it back when it has shut down and raises the signal once more.
"""

from __future__ import annotations

import signal
from types import FrameType

EXIT_SECONDS = 3.0  # all that the process waits for its telemetry at any exit


def flush_when_terminated() -> None:
    """Send what waits when SIGTERM comes and nobody else sees to it; the process ends of the signal all the same."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _flush_and_end)


def _flush_and_end(number: int, frame: FrameType | None) -> None:
    from . import _provider
    from ._guard import harmless

    signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    harmless(_provider.flush, EXIT_SECONDS)
    signal.raise_signal(number)
