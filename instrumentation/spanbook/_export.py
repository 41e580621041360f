"""The providers that Spanbook makes where the application has none: OTLP to a collector, by the `OTEL_*` environment.

Exporters are made when the first batch leaves, in the thread that sends it, and again after a fork: gRPC takes long to
import and does not survive a fork. A collector that is not there is mentioned once, not with every batch.
"""

from __future__ import annotations

import atexit
import inspect
import ipaddress
import logging
import os
import threading
import weakref
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from . import _forks
from ._termination import EXIT_SECONDS, before_threads_end, is_worker

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan, Span

log = logging.getLogger("spanbook")

_GRPC, _HTTP = "opentelemetry.exporter.otlp.proto.grpc", "opentelemetry.exporter.otlp.proto.http"
_EXPORTERS = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}
_PORTS = {"grpc": 4317, "http/protobuf": 4318, "http/json": 4318}
# Loggers of OpenTelemetry that tell of every batch that did not arrive, and of every span that found no room.
_TALKATIVE = (
    f"{_GRPC}.exporter",
    f"{_HTTP}.trace_exporter",
    f"{_HTTP}._log_exporter",
    f"{_HTTP}.metric_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.sdk._shared_internal",
)


def make_tracer_provider(attributes: dict[str, Any]) -> tuple[TracerProvider, bool]:
    """Return a provider with *attributes* on its resource, and whether spans stay on this machine."""
    resource, chosen = Resource.create(attributes), _chosen("traces")
    with _forks.put_off() as late:
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if late:
            provider.add_span_processor(_CatchingUp())
        for name in chosen:
            exporter: SpanExporter = Outgoing("traces") if name == "otlp" else _registered("traces", name)
            processor = BatchSpanProcessor(exporter)
            provider.add_span_processor(processor)
            _close_at_exit(processor)
    return provider, chosen == ["otlp"] and is_loopback(endpoint("traces"))


def make_logger_provider(resource: Resource | None) -> LoggerProvider:
    """Return a provider for events, with the resource of the spans where that is known."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    resource = resource or Resource.create()
    with _forks.put_off():
        provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        for name in _chosen("logs"):
            exporter: Any = Outgoing("logs") if name == "otlp" else _registered("logs", name)
            processor = BatchLogRecordProcessor(exporter)
            provider.add_log_record_processor(processor)
            _close_at_exit(processor)
    return provider


def make_meter_provider(resource: Resource | None) -> MeterProvider:
    """Return a provider for the client metrics."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    names = _chosen("metrics")
    exporters = [_exporter("metrics") if name == "otlp" else _registered("metrics", name) for name in names]
    resource = resource or Resource.create()
    with _forks.put_off():
        readers = [PeriodicExportingMetricReader(exporter) for exporter in exporters]
        return MeterProvider(metric_readers=readers, resource=resource)


def endpoint(signal: str) -> str:
    """Return where *signal* is sent to, by the environment or by the protocol's usual port."""
    given = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") or os.environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    return given or f"http://localhost:{_PORTS.get(protocol(signal), 4317)}"


def protocol(signal: str) -> str:
    """Return the OTLP protocol of *signal*: `grpc` unless the environment says otherwise."""
    given = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    return (given or "grpc").strip().lower()


def is_loopback(url: str) -> bool:
    """Tell whether *url* names this machine."""
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Outgoing(SpanExporter):
    """An OTLP exporter of spans or of log records that is made late, made anew after a fork, and quiet."""

    def __init__(self, signal: str) -> None:
        self._signal = signal
        self._exporter: Any = None
        self._process = 0
        self._made_in = os.getpid()
        self._making = threading.Lock()
        self._reached = True
        unlocked = weakref.WeakMethod(self._unlocked)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: (method := unlocked()) and method())
        before_threads_end(self._prepare_for_exit)
        for name in _TALKATIVE:
            logger = logging.getLogger(name)
            if _quiet not in logger.filters:
                logger.addFilter(_quiet)

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        if _forks.is_behind():
            return SpanExportResult.SUCCESS  # the parent sends them
        self.prepare()
        _quiet.here.exporting = True
        try:
            result: SpanExportResult = self._exporter.export(spans)
        finally:
            _quiet.here.exporting = False
        self._tell(result.name == "SUCCESS")
        return result

    def prepare(self) -> None:
        """Make the exporter of this process, if it has none yet."""
        if self._process != os.getpid():
            with self._making:
                if self._process != os.getpid():
                    self._exporter, self._process = _exporter(self._signal), os.getpid()

    def shutdown(self) -> None:
        if self._exporter is not None and self._process == os.getpid():
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True

    def _prepare_for_exit(self) -> None:
        if self._made_in == os.getpid() or not is_worker():  # a forked worker has sent what it had
            self.prepare()

    def _unlocked(self) -> None:
        self._making = threading.Lock()  # another thread may have held it in the parent

    def _tell(self, reached: bool) -> None:
        if reached != self._reached:
            self._reached = reached
            where = endpoint(self._signal)
            if reached:
                log.warning("The collector at `%s` takes %s again", where, self._signal)
            else:
                log.warning(
                    "No collector takes %s at `%s`; they are dropped until one does\n"
                    "hint: start one with `spanbook serve`",
                    self._signal,
                    where,
                )


class _CatchingUp(SpanProcessor):
    """Makes a forked process ready for its first span, whosever tracer that is of."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        _forks.catch_up()

    def on_end(self, span: ReadableSpan) -> None:
        _forks.catch_up()  # it may have started before the fork


class _Quiet(logging.Filter):
    """Holds back what OpenTelemetry says of a batch of ours that did not arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()
        self._full_told = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg == "Queue full, dropping %s.":
            told, self._full_told = self._full_told, True
            return not told
        return not getattr(self.here, "exporting", False)


_quiet = _Quiet()


def _exporter(signal: str) -> Any:
    module, name = _EXPORTERS[signal]
    package = _GRPC if protocol(signal) == "grpc" else _HTTP
    return getattr(import_module(f"{package}.{module}"), name)()


def _chosen(signal: str) -> list[str]:
    names = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp").split(",")
    return [name for name in map(str.strip, names) if name not in ("", "none")]


def _registered(signal: str, name: str) -> Any:
    """Return an exporter that some other package has registered, such as `console`."""
    for found in entry_points(group=f"opentelemetry_{signal}_exporter", name=name):
        return found.load()()
    raise RuntimeError(f"cannot export {signal} to: `{name}`\nhint: OTEL_{signal.upper()}_EXPORTER=otlp")


def _close_at_exit(processor: Any) -> None:
    """Send what waits when the process ends, for a bounded time, whether the collector answers or not."""

    def close() -> None:
        batch = getattr(processor, "_batch_processor", None)
        if batch is None:
            processor.shutdown()
        else:  # the public `shutdown` would wait for thirty seconds
            _shut_down(batch, _remaining())

    atexit.register(close)


def _shut_down(batch: Any, seconds: float) -> None:
    if "timeout_millis" in inspect.signature(batch.shutdown).parameters:
        batch.shutdown(timeout_millis=seconds * 1000)
        return
    # As OpenTelemetry did before it took a time: the worker sends what waits and ends.
    batch._shutdown = True
    batch._worker_awaken.set()
    batch._worker_thread.join(seconds)
    if not batch._worker_thread.is_alive():
        batch._exporter.shutdown()


def _remaining() -> float:
    """Return the seconds left of what all processors together have at exit."""
    global _exit_by
    _exit_by = _exit_by or monotonic() + EXIT_SECONDS
    return max(_exit_by - monotonic(), 0.05)


_exit_by = 0.0
