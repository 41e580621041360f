"""OpenTelemetry's fork hooks, put off under gevent until a forked process has telemetry of its own.

gevent's `subprocess` forks in Python, so fork hooks run before the child gets to its exec. OpenTelemetry's start
threads there, which lets the parent's other greenlets go on in the child: those that start processes fork again, and
so without bound (open-telemetry/opentelemetry-python#4298).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import _guard

_lock = threading.RLock()
_hooks: list[Callable[[], None]] = []  # OpenTelemetry's, of the providers that Spanbook made
_due = False  # this process was forked, and they have not run in it


@contextmanager
def put_off() -> Iterator[bool]:
    """Where gevent replaces threads, leave the fork hooks that OpenTelemetry registers meanwhile to `catch_up`.

    Gives whether that is so.
    """
    if not is_green():
        yield False
        return
    with _lock:
        registering: Any = os.register_at_fork
        here = threading.get_ident()

        def register(**hooks: Callable[[], None]) -> None:
            ours = threading.get_ident() == here  # other threads register what they like
            if ours and (getattr(hooks.get("after_in_child"), "__module__", "") or "").startswith("opentelemetry."):
                _hooks.append(hooks.pop("after_in_child"))
            if hooks:
                registering(**hooks)

        setattr(os, "register_at_fork", register)  # noqa: B010  there is no other place to reach them
        try:
            yield True
        finally:
            setattr(os, "register_at_fork", registering)  # noqa: B010


def catch_up() -> None:
    """Run what was put off, once in every forked process; called before it makes telemetry."""
    global _due
    if not _due:
        return
    with _lock:
        if _due:
            for hook in _hooks:
                _guard.harmless(hook)
            _due = False


def is_green() -> bool:
    """Tell whether gevent replaces threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def is_behind() -> bool:
    """Tell whether this process was forked and has made no telemetry: what waits here is its parent's to send."""
    return _due


def _forked() -> None:
    global _lock, _due
    _lock = threading.RLock()  # another thread may have held it in the parent
    _due = bool(_hooks)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
