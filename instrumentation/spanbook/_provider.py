"""Whose OpenTelemetry providers spans and events go to.

The application's, when it has set them; they are never replaced. Otherwise Spanbook makes its own from the standard
`OTEL_*` environment, at the first span and not before: an application may well call `autolog()` first and set its
provider afterwards.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, Tracer, TracerProvider

from . import _settings

log = logging.getLogger("spanbook")

SCOPE = "spanbook"
EXIT_FLUSH_MILLIS = 3_000
DEFAULT_ENDPOINT = "http://localhost:4317"

_lock = Lock()
_chosen: TracerProvider | None = None  # by `use`
_known: TracerProvider | None = None  # the provider that `_tracer` belongs to
_tracer: Tracer | None = None
_own: list[Any] = []  # providers that Spanbook made, to flush


def tracer() -> Tracer:
    """Return the tracer of the provider that holds now."""
    provider = _chosen or trace.get_tracer_provider()
    if provider is _known and _tracer is not None:
        return _tracer
    return _renewed(provider)


def use(tracer_provider: TracerProvider | None) -> None:
    """Send spans to *tracer_provider* instead of the global one; None returns to the global one."""
    global _chosen
    _chosen = tracer_provider


def flush(timeout: float = 10.0) -> bool:
    """Send what waits, for at most *timeout* seconds; return whether all of it was taken."""
    provider: Any = _chosen or trace.get_tracer_provider()
    done = True
    for owner in dict.fromkeys([provider, *_own]):
        if force_flush := getattr(owner, "force_flush", None):
            done = bool(force_flush(int(timeout * 1000))) and done
    return done


def _renewed(provider: TracerProvider) -> Tracer:
    global _known, _tracer
    with _lock:
        if isinstance(provider, ProxyTracerProvider):
            provider = _made()
        _tracer = provider.get_tracer(SCOPE, _version())
        _known = provider
        return _tracer


def _made() -> TracerProvider:
    """Make the provider that the application did not, and set it: other instrumentation of the process joins in."""
    from ._export import make_tracer_provider

    provider, local = make_tracer_provider()
    _settings.destination_is_local(local)
    trace.set_tracer_provider(provider)
    _own.append(provider)
    return trace.get_tracer_provider()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("spanbook")
    except PackageNotFoundError:
        return "0"
