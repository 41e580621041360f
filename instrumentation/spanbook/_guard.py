"""Telemetry that fails costs attributes, never the application's call.

Under Spanbook's own tests (`SPANBOOK_RAISE_ERRORS=1`) the failure is raised instead, so that no bug hides here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from . import _settings

log = logging.getLogger("spanbook")

P = ParamSpec("P")
T = TypeVar("T")
_warned: set[str] = set()


def harmless(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return what *function* returns, or None when it fails; the first failure of each kind is logged."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        failed(getattr(function, "__qualname__", type(function).__name__), error)
        return None


def failed(site: str, error: BaseException) -> None:
    """Log the first failure at *site*; raise it under our own tests."""
    if _settings.current().raise_errors:
        raise error
    kind = f"{site}: {type(error).__name__}"
    if kind not in _warned:
        _warned.add(kind)
        # No traceback and no message: both may quote a prompt.
        log.warning("A part of a span could not be recorded (%s); the traced call itself is unharmed", kind)
