"""How a process ends, by itself or of SIGTERM, and what is still sent then.

SIGTERM ends a Python process without its exit handlers. Only where `spanbook run` begins the process, before the
application's first line, that is seen to: whatever handler the application or its server sets takes the place of this
one. uvicorn puts it back when it has shut down and raises the signal once more. A worker of `multiprocessing` that was
forked ends without exit handlers too.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from . import _forks
from ._guard import harmless

EXIT_SECONDS = 3.0  # all that the process waits for its telemetry at any exit


def before_threads_end(action: Callable[[], None]) -> None:
    """Do something when the process begins to end: later on, exporters can be used but no longer made.

    It is sooner than `atexit`, where nothing can be registered any more while that runs.
    """
    register = getattr(threading, "_register_atexit", None)
    try:
        import concurrent.futures.thread  # noqa: F401  what exporters import cannot be imported any more at exit

        if register is not None:
            register(partial(harmless, action))
    except RuntimeError:  # it ends already
        harmless(action)


def is_worker() -> bool:
    """Tell whether `multiprocessing` started this process."""
    process: Any = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def flush_when_terminated() -> None:
    """Send what waits when SIGTERM comes and nobody else sees to it; the process ends of the signal all the same."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _flush_and_end)


def _flush_and_end(number: int, frame: FrameType | None) -> None:
    # Else a handler of the application has called the one that it found: the end of the process is its own affair.
    installed = signal.getsignal(number) is _flush_and_end
    if installed:
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once
    gevent: Any = sys.modules.get("gevent") if _forks.is_green() else None
    if gevent is not None and gevent.getcurrent() is gevent.get_hub():  # there nothing can be waited for
        gevent.spawn(_flush, number if installed else None)
    else:
        _flush(number if installed else None)


def _flush(ending: int | None) -> None:
    """Send what waits, and end of the signal *ending*."""
    from . import _provider

    harmless(_provider.flush, EXIT_SECONDS)
    if ending is not None:
        signal.raise_signal(ending)
