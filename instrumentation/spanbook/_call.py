"""One traced operation, from its first moment to its one end.

A call ends exactly once, however it ends: with its result, with an error, with the last chunk of its stream, when the
stream is closed early, or when nobody holds it any more. What it takes from a stream is kept as it came and read once,
at the end, so that a chunk costs a list append.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter_ns, time_ns
from typing import Any

from opentelemetry.context import _RUNTIME_CONTEXT, Context, attach, get_current
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY

from spanbook_schemas import gen_ai, names

from . import _content, _provider, _settings, _suppression
from ._guard import failed, harmless
from ._readers import Attributes, Fields, Reader

_CONTENT = gen_ai.CONTENT | {names.INPUT, names.OUTPUT}
_SCALARS = (int, float, bool)


class Call:
    """A span that is open, and what is known of it so far."""

    __slots__ = (
        "__weakref__",
        "_adopted",
        "_application",
        "_attributes",
        "_ended",
        "_owner",
        "_reader",
        "_request",
        "_token",
        "chunk_times",
        "chunks",
        "context",
        "first_chunk",
        "operation",
        "span",
        "started",
    )

    def __init__(
        self,
        operation: str,
        attributes: Attributes,
        *,
        name: str | None = None,
        reader: Reader | None = None,
        kind: SpanKind = SpanKind.CLIENT,
        parent: Context | None = None,
        owner: _suppression.Owner | None = None,
        application: bool = False,
    ) -> None:
        """Open a span, or, with an *owner*, add to that one.

        *application* marks a span of the application's own code: its exceptions are recorded with their tracebacks.
        """
        self._ended = False
        self._application = application
        self.operation = operation
        self.chunks: list[Any] = []
        self.first_chunk = 0
        self.chunk_times: list[int] | None = [] if _settings.current().metrics else None
        self.span: Span | None = None
        self._adopted: Attributes | None = None
        self._attributes: Attributes = {}
        self._request = attributes
        self._owner = owner
        self._reader = reader
        self._token: Any = None
        self.context = get_current() if parent is None else parent
        self.started = perf_counter_ns()
        if owner is None:
            self._open(name or name_of(operation, attributes), attributes, kind)
        else:
            self._attributes = attributes
            if isinstance(owner, _suppression.NativeOwner):  # it left no mark, so what we call has ours
                self.context = Context(self.context | _suppression.marks(self))
                owner.ask_before_its_end(self)

    @classmethod
    def begin(
        cls, reader: Reader, request: Fields, attributes: Attributes, kind: SpanKind = SpanKind.CLIENT
    ) -> Call | None:
        """Open a model call that *reader* understands, or return None where tracing is suppressed."""
        context = get_current()
        if _suppression.suppressed(context):
            return None
        try:
            attributes.update(reader.request(request))
        except Exception as error:
            failed(f"{type(reader).__name__}.request", error)
        operation = attributes.get(gen_ai.OPERATION_NAME) or reader.operation
        attributes[gen_ai.OPERATION_NAME] = operation
        owner = _suppression.owner(context, operation)
        call = cls(operation, attributes, reader=reader, kind=kind, parent=context, owner=owner)
        if call.captures_content:
            try:
                call._record(reader.request_content(request))
            except Exception as error:
                failed(f"{type(reader).__name__}.request_content", error)
        return call

    @property
    def active(self) -> bool:
        """Whether the call is still open, so that an inner one may add to it."""
        return not self._ended

    @property
    def captures_content(self) -> bool:
        """Whether anybody will see content that is read now."""
        settings = _settings.current()
        return settings.event_content or (settings.span_content and (self.span is None or self.span.is_recording()))

    def adopt(self, attributes: Mapping[str, Any]) -> None:
        """Take what an inner instrumentation of the same call learnt; own values win."""
        self._adopted = {**(self._adopted or {}), **attributes}

    def so_far(self) -> Attributes:
        """Return what is known before the end: of the answer, nothing until it is whole."""
        asked = dict(self._attributes)
        self._read(None)
        known = self._all_of(self._attributes)
        return known if known.get(gen_ai.RESPONSE_FINISH_REASONS) else asked

    def learnt(self, attribute: str) -> Any:
        """Return what an inner instrumentation told of *attribute*; it need not be read a second time then."""
        return self._adopted.get(attribute) if self._adopted is not None else None

    def set(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes; content among them is recorded only where content is captured."""
        if self.captures_content:
            self._record(attributes)
        else:
            self._attributes.update(_without_content(attributes))

    def _record(self, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._attributes[name] = _content.encode(name, value) if name in _CONTENT else value

    def attach(self) -> None:
        """Make this call the current span, until `detach`."""
        self._token = attach(self.context)

    def detach(self) -> None:
        """Give the current span back; silent where a coroutine was closed from another context."""
        token, self._token = self._token, None
        if token is not None:
            try:  # noqa: SIM105  `contextlib.suppress` is three calls more on every traced call
                _RUNTIME_CONTEXT.detach(token)
            except (ValueError, LookupError, RuntimeError):
                pass

    def within(self, step: Callable[[], Any]) -> Any:
        """Run one step with this call current; what the step leaves in the context is there again in the next one."""
        self.attach()
        try:
            return step()
        finally:
            self.context = get_current()
            self.detach()

    async def within_async(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """Await one step with this call current."""
        self.attach()
        try:
            return await step()
        finally:
            self.context = get_current()
            self.detach()

    def chunk(self, chunk: Any) -> None:
        """Keep one piece of a stream."""
        if not self.chunks:
            self.first_chunk = perf_counter_ns()
        if self.chunk_times is not None:
            self.chunk_times.append(perf_counter_ns())
        self.chunks.append(chunk)

    def first_byte(self) -> None:
        """Note that the response has begun, where its chunks are not seen one by one."""
        self.first_chunk = perf_counter_ns()

    def retried(self) -> None:
        """Note that the SDK sends the request once more."""
        self._attributes[gen_ai.HTTP_REQUEST_RESEND_COUNT] = (
            self._attributes.get(gen_ai.HTTP_REQUEST_RESEND_COUNT, 0) + 1
        )

    def finish(self, response: Any = None, *, abandoned: bool = False) -> None:
        """End with *response*, or with what the chunks add up to."""
        if self._ended:
            return
        self._ended = True
        if abandoned and self.span is not None:
            self._attributes[names.STREAM_END] = "abandoned"
        self._read(response)
        self._close(None)

    def fail(self, error: BaseException) -> None:
        """End with *error*, which stays the application's; what had been streamed before it is kept."""
        if isinstance(error, GeneratorExit | KeyboardInterrupt):
            self.finish(abandoned=True)
        if self._ended:
            return
        self._ended = True
        if self.chunks:
            self._read(None)
        self._close(error)

    def __del__(self) -> None:
        if not self._ended and not sys.is_finalizing():
            self.finish(abandoned=True)

    def _open(self, name: str, attributes: Attributes, kind: SpanKind, began: int | None = None) -> None:
        self.span = INVALID_SPAN
        if _suppression.suppressed(self.context):
            return
        try:
            self.span = _provider.tracer().start_span(
                name, context=self.context, kind=kind, attributes=_storable(attributes), start_time=began
            )
            marks = {} if self._reader is None else _suppression.marks(self)
            self.context = Context({**self.context, _SPAN_KEY: self.span, **marks})
        except Exception as error:  # an application's own sampler or processor may raise
            failed("Call._open", error)

    def _read(self, response: Any) -> None:
        reader = self._reader
        if reader is None:
            return
        try:
            if self.chunks:
                response = reader.join(self.chunks)
            if response is None:
                return
            self._attributes.update(reader.response(response))
        except Exception as error:
            failed(f"{type(reader).__name__}.response", error)
        if self.captures_content:
            try:
                self._record(reader.response_content(response))
            except Exception as error:
                failed(f"{type(reader).__name__}.response_content", error)

    def _close(self, error: BaseException | None) -> None:
        attributes = self._attributes
        if self.first_chunk and self.operation != gen_ai.FETCH_RESPONSE:  # nothing is generated then
            attributes[gen_ai.RESPONSE_TIME_TO_FIRST_CHUNK] = (self.first_chunk - self.started) / 1e9
        span = self.span
        known = self._all_of(attributes)
        if span is None:
            owner = self._owner
            assert owner is not None
            owner.adopt(known)
            if not (isinstance(owner, _suppression.NativeOwner) and owner.missed_usage(known)):
                return
            began = time_ns() - (perf_counter_ns() - self.started)
            self._open(name_of(self.operation, known), _without_content(known), SpanKind.CLIENT, began)
            span = self.span or INVALID_SPAN
        try:
            self._describe(span, known, error)
        except Exception as failure:
            failed("Call._describe", failure)
        harmless(span.end)

    def _all_of(self, attributes: Attributes) -> Attributes:
        """Return *attributes* with what was adopted and is not known here."""
        if self._adopted is None:
            return attributes
        news = {name: value for name, value in self._adopted.items() if self._request.get(name) is None}
        return {**news, **{name: value for name, value in attributes.items() if value is not None}}

    def _describe(self, span: Span, attributes: Attributes, error: BaseException | None) -> None:
        settings = _settings.current()
        if error is not None:
            attributes[gen_ai.ERROR_TYPE] = error_type(error)
            attributes[gen_ai.ERROR_MESSAGE] = str(error)
        message = attributes.pop(gen_ai.ERROR_MESSAGE, None)
        if settings.emit_events or settings.metrics:
            self._report(attributes, error, settings)
        span.set_attributes(_storable(attributes if settings.span_content else _without_content(attributes)))
        if attributes.get(gen_ai.ERROR_TYPE):
            span.set_status(Status(StatusCode.ERROR, _content.redacted_text(gen_ai.ERROR_MESSAGE, message or "")))
            if self._application and error is not None:
                span.record_exception(error, _redacted_exception(error) if settings.redact is not None else None)

    def _report(self, attributes: Attributes, error: BaseException | None, settings: _settings.Settings) -> None:
        """Emit the events and metrics that are switched on."""
        known = {name: value for name, value in {**self._request, **attributes}.items() if value is not None}
        if settings.metrics:
            from . import _metrics

            seconds = (perf_counter_ns() - self.started) / 1e9
            served = getattr(self.span, "kind", None) is SpanKind.SERVER
            harmless(_metrics.record, self.operation, known, seconds, self.chunk_times or [], served=served)
        if settings.emit_events and self._reader is not None and self.span is not None:
            from . import _events

            told = _structured(known) if settings.event_content else _without_content(known)
            harmless(_events.emit, self.operation, told, self.span, error)


_SUBJECTS = (gen_ai.REQUEST_MODEL, gen_ai.TOOL_NAME, gen_ai.AGENT_NAME, gen_ai.DATA_SOURCE_ID)
_NO_MODEL = {gen_ai.RETRIEVAL: (gen_ai.DATA_SOURCE_ID,), gen_ai.INVOKE_AGENT: (gen_ai.AGENT_NAME,)}


def name_of(operation: str, attributes: Mapping[str, Any]) -> str:
    """Return a span's name: the operation and its subject, which is no model where an agent is asked or documents."""
    for name in _NO_MODEL.get(operation, _SUBJECTS):
        if subject := attributes.get(name):
            return f"{operation} {subject}"
    return operation


def error_type(error: BaseException) -> str:
    """Return the exception's canonical name: with its module, but for builtins."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _redacted_exception(error: BaseException) -> Attributes:
    import traceback

    told = {
        gen_ai.EXCEPTION_MESSAGE: str(error),
        gen_ai.EXCEPTION_STACKTRACE: "".join(traceback.format_exception(error)),
    }
    return {name: _content.redacted_text(name, text) for name, text in told.items()}


def _structured(attributes: Mapping[str, Any]) -> Attributes:
    return {name: _content.decoded(name, value) if name in _CONTENT else value for name, value in attributes.items()}


def _without_content(attributes: Mapping[str, Any]) -> Attributes:
    return {name: value for name, value in attributes.items() if name not in _CONTENT}


def _storable(attributes: Attributes) -> Attributes:
    """Keep what OpenTelemetry can store; the rest, such as an SDK's `NOT_GIVEN`, is not there."""
    kept = {}
    for name, value in attributes.items():
        kind = type(value)
        if kind is str:
            kept[name] = value if value.isascii() else _content.storable(value)
        elif kind in _SCALARS or (kind is list and value):
            kept[name] = value
    return kept
