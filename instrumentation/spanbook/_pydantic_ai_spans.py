"""A tracer for libraries that trace themselves: their spans, our provider, our switches."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import Span, Tracer, TracerProvider, use_span

from spanbook_schemas import gen_ai

from . import _content, _provider, _settings, _suppression
from ._call import error_type
from ._content import parsed

_MODEL_CALLS = (gen_ai.CHAT, gen_ai.EMBEDDINGS, gen_ai.TEXT_COMPLETION, gen_ai.GENERATE_CONTENT)
_AGENTS = (gen_ai.INVOKE_AGENT, gen_ai.EXECUTE_TOOL)  # releases before 2.0 say it in the name alone
# Names of its own under which it keeps content
_CONTENT = gen_ai.CONTENT | {
    "pydantic_ai.all_messages",
    "final_result",
    "model_request_parameters",
    "tool_arguments",
    "tool_response",
    "logfire.msg",
}
_NEWEST_VERSION = 6


def settings(kind: Any) -> Any:
    """Return instrumentation settings of Pydantic AI whose content switch is ours, read at each span."""

    class Settings(kind):  # type: ignore[misc]
        @property
        def include_content(self) -> bool:
            return _settings.current().span_content

        @include_content.setter
        def include_content(self, value: bool) -> None:
            """Nothing: Spanbook's settings say."""

    options: dict[str, Any] = {"tracer_provider": _Routed(), "meter_provider": NoOpMeterProvider()}
    try:
        return Settings(**options, include_binary_content=False, version=_NEWEST_VERSION)
    except ValueError:  # an older release, whose default is its newest
        return Settings(**options, include_binary_content=False)


class _Routed(TracerProvider):
    """Whatever provider holds when a span begins; the application may set its own after `autolog()`."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> Tracer:
        return _Tracer(instrumenting_module_name, instrumenting_library_version)


class _Tracer(Tracer):
    def __init__(self, scope: str, version: str | None) -> None:
        self._scope = scope
        self._version = version

    def start_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> Span:
        """Begin a span that keeps to the limits and the redact hook."""
        import wrapt

        given = kwargs.get("attributes") or {}
        if gen_ai.OPERATION_NAME not in given and (operation := name.partition(" ")[0]) in _AGENTS:
            given = {gen_ai.OPERATION_NAME: operation, **given}
        kwargs["attributes"] = _checked(given)
        tracer = _provider.provider().get_tracer(self._scope, self._version)
        span = tracer.start_span(name, context, *args, **kwargs)
        is_model_call = given.get(gen_ai.OPERATION_NAME) in _MODEL_CALLS
        return _checking(wrapt)(span, is_model_call) if span.is_recording() else span

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Iterator[Span]:  # type: ignore[override]
        """Begin a span and make it current; a model call owns what an SDK below does for it."""
        record, set_status = kwargs.pop("record_exception", True), kwargs.pop("set_status_on_exception", True)
        end = kwargs.pop("end_on_exit", True)
        span = self.start_span(name, *args, **kwargs)
        operation = (kwargs.get("attributes") or {}).get(gen_ai.OPERATION_NAME)
        owner = _Owner(span, operation) if operation in _MODEL_CALLS else None
        marks = _suppression.marks(owner) if owner is not None else {}
        token = attach(Context({**get_current(), **marks}))
        try:
            with use_span(span, end, record, set_status) as current:
                yield current
        finally:
            detach(token)


class _Owner:
    """A model call that the library tells itself; what the SDK below learns is added where the library was silent."""

    def __init__(self, span: Span, operation: str) -> None:
        self.operation = operation
        self._span = weakref.ref(span)

    @property
    def active(self) -> bool:
        span = self._span()
        return span is not None and span.is_recording()

    def adopt(self, attributes: Mapping[str, Any]) -> None:
        span = self._span()
        known: Any = getattr(span, "attributes", None) or {}
        for name, value in attributes.items():
            if span is not None and value is not None and name not in known and name not in gen_ai.CONTENT:
                span.set_attribute(name, value)


def _checking(wrapt: Any) -> Any:
    class Checking(wrapt.ObjectProxy):  # type: ignore[misc]
        """A span whose content is checked on its way in; what its model calls used in all is not called theirs."""

        def __init__(self, span: Span, is_model_call: bool) -> None:
            super().__init__(span)
            self._self_is_model_call = is_model_call

        def set_attribute(self, key: str, value: Any) -> None:
            self.set_attributes({key: value})

        def set_attributes(self, attributes: Mapping[str, Any]) -> None:
            checked = _checked(attributes)
            self.__wrapped__.set_attributes(checked if self._self_is_model_call else _aggregated(checked))

        def record_exception(self, exception: BaseException, *args: Any, **kwargs: Any) -> None:
            self.__wrapped__.set_attribute(gen_ai.ERROR_TYPE, error_type(exception))
            self.__wrapped__.record_exception(exception, *args, **kwargs)

    return Checking


def _aggregated(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Name sums of token counts as releases since 2.0 do: a model call alone bears usage."""
    return {name.replace("gen_ai.usage.", "gen_ai.aggregated_usage.", 1): value for name, value in attributes.items()}


def _checked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _content.encode(name, parsed(value)) if name in _CONTENT and isinstance(value, str) else value
        for name, value in attributes.items()
    }
