"""Whose OpenTelemetry providers spans, events and metrics go to.

The application's, when it has set them; they are never replaced. Otherwise Spanbook makes its own from the standard
`OTEL_*` environment, at the first span and not before: an application may well call `autolog()` first and set its
provider afterwards.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, Tracer, TracerProvider

from . import _belonging, _forks, _settings
from ._guard import harmless
from ._termination import EXIT_SECONDS, before_threads_end, is_worker

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.metrics import Meter, MeterProvider

SCOPE = "spanbook"

_lock = threading.RLock()
_chosen: TracerProvider | None = None  # by `use`
_known: TracerProvider | None = None  # the provider that `_tracer` belongs to
_tracer: Tracer | None = None
_own: list[Any] = []  # providers that Spanbook made
_waiting: list[Callable[[], None]] = []  # what is done when the provider is known
_finishing: set[int] = set()  # processes that look at their end whether something still waits


def tracer() -> Tracer:
    """Return the tracer of the provider that holds now."""
    _forks.catch_up()
    provider = _chosen or trace.get_tracer_provider()
    if provider is _known and _tracer is not None:
        return _tracer
    return _renewed(provider)


def provider() -> TracerProvider:
    """Return the provider that holds now, for libraries that trace themselves."""
    tracer()
    return _known or trace.get_tracer_provider()


def logger() -> Logger:
    """Return the logger that events go through."""
    from opentelemetry import _logs

    _forks.catch_up()
    provider: LoggerProvider = _logs.get_logger_provider()
    if type(provider).__name__ == "ProxyLoggerProvider":
        with _lock:
            provider = _logs.get_logger_provider()
            if type(provider).__name__ == "ProxyLoggerProvider":
                from ._export import make_logger_provider

                provider = make_logger_provider(_resource())
                _logs.set_logger_provider(provider)
                _keep(provider)
    return provider.get_logger(SCOPE, version())


def meter() -> Meter:
    """Return the meter of the client metrics."""
    from opentelemetry import metrics

    _forks.catch_up()
    provider: MeterProvider = metrics.get_meter_provider()
    if type(provider).__name__ == "_ProxyMeterProvider":
        with _lock:
            provider = metrics.get_meter_provider()
            if type(provider).__name__ == "_ProxyMeterProvider":
                from ._export import make_meter_provider

                provider = make_meter_provider(_resource())
                metrics.set_meter_provider(provider)
                _keep(provider)
    return provider.get_meter(SCOPE, version())


def when_known(action: Callable[[], None]) -> None:
    """Do something now if spans have somewhere to go already, and else as soon as they have, at exit at the latest."""
    _waiting.append(action)
    if _known is not None:
        _proceed()
    elif os.getpid() not in _finishing:
        _finishing.add(os.getpid())
        before_threads_end(partial(_finish, os.getpid()))


def use(tracer_provider: TracerProvider | None) -> None:
    """Send spans to *tracer_provider* instead of the global one; None returns to the global one."""
    global _chosen
    _chosen = tracer_provider


def flush(timeout: float = 10.0) -> bool:
    """Send what waits, for at most *timeout* seconds; return whether all of it left in that time."""
    from opentelemetry import _logs

    _forks.catch_up()
    if _waiting:
        tracer()
        _proceed()
    return _sent([_chosen, trace.get_tracer_provider(), _logs.get_logger_provider(), *_own], timeout)


@cache
def version() -> str:
    """Return Spanbook's version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("spanbook")
    except PackageNotFoundError:
        return "0"


def _sent(owners: list[Any], timeout: float) -> bool:
    done: list[bool | None] = []

    def flushed(owner: Any) -> bool:
        force_flush = getattr(owner, "force_flush", None)
        return force_flush is None or force_flush(int(timeout * 1000)) is not False

    def work() -> None:
        done.extend(harmless(flushed, owner) for owner in dict.fromkeys(owners))

    # In a thread of its own: OpenTelemetry's batch processors do not keep to the time they are given.
    thread = threading.Thread(target=work, daemon=True, name="spanbook flush")
    thread.start()
    thread.join(timeout)
    return not thread.is_alive() and all(done)


def _renewed(provider: TracerProvider) -> Tracer:
    global _known, _tracer
    with _lock:
        if isinstance(provider, ProxyTracerProvider):
            provider = _made()
        _belonging.stamp(provider)
        made = _tracer = provider.get_tracer(SCOPE, version())
        _known = provider
    _proceed()
    return made


def _finish(process: int) -> None:
    """Do what waits for a span that never came; what a forked process inherits is its parent's to do."""
    if _waiting and process == os.getpid():
        harmless(tracer)
        _proceed()
        _end_worker()


def _proceed() -> None:
    while _waiting:
        try:
            action = _waiting.pop(0)
        except IndexError:  # another thread took the last
            return
        action()


def _made() -> TracerProvider:
    """Make the provider that the application did not, and set it: other instrumentation of the process joins in."""
    current = trace.get_tracer_provider()
    if not isinstance(current, ProxyTracerProvider):
        return current
    from ._export import make_tracer_provider

    provider, local = make_tracer_provider(_belonging.on_resource())
    trace.set_tracer_provider(provider)
    _settings.destination_is_local(local)
    _keep(provider)
    return provider


def _keep(provider: Any) -> None:
    """Remember a provider that Spanbook made."""
    if not _own:
        before_threads_end(_end_worker)
    _own.append(provider)


def _end_worker() -> None:
    """Send what waits in a worker process. Not metrics: one that was forked goes on with its parent's sums."""
    if is_worker() and not _forks.is_behind():
        _sent([owner for owner in _own if not hasattr(owner, "get_meter")], EXIT_SECONDS)


def _unlocked() -> None:
    global _lock
    _lock = threading.RLock()  # another thread may have held it in the parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlocked)


def _resource() -> Any:
    return getattr(_chosen or trace.get_tracer_provider(), "resource", None)
