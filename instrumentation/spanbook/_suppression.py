"""One model call, one span that bears its usage.

Frameworks call SDKs, SDKs call SDKs, and other instrumentation may sit above or below. Whoever opens a model call first
owns it: it leaves a mark in the OpenTelemetry context, and an instrumentation further in adds what it learns to the
owner instead of opening a second span. Marks of OpenTelemetry's own GenAI packages and of Traceloop's are honoured, and
set, alike. A library that traces itself leaves no mark but its span, which the conventions' operation makes known; the
first call below adds to that span, and leaves the marks in its place.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from typing import Any, Protocol

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.trace import get_current_span

from spanbook_schemas import gen_ai

from . import _content, _provider, _settings
from ._guard import harmless

_OWNER = "spanbook-model-call"
_OWN_RECORD = (
    "spanbook-model-call-record"  # the mark of the official packages' kind that we left; it ends with our call
)
_TRACELOOP = "suppress_language_model_instrumentation"

# Operations that count as one and the same call when they are nested, and the context key and the type of the mark
# that `opentelemetry-util-genai` uses for them.
_OFFICIAL = {
    "inference": ("opentelemetry.genai.client.inference.context", "_inference_invocation", "InferenceData"),
    "embedding": ("opentelemetry.genai.client.embedding.context", "_embedding_invocation", "EmbeddingData"),
    "retrieval": ("opentelemetry.genai.client.retrieval.context", "_retrieval_invocation", "RetrievalData"),
    "fetch_response": (
        "opentelemetry.genai.client.fetch_response.context",
        "_fetch_response_invocation",
        "FetchResponseData",
    ),
}
_CLASSES = {
    gen_ai.CHAT: "inference",
    gen_ai.GENERATE_CONTENT: "inference",
    gen_ai.TEXT_COMPLETION: "inference",
    gen_ai.EMBEDDINGS: "embedding",
    gen_ai.RETRIEVAL: "retrieval",
    gen_ai.FETCH_RESPONSE: "fetch_response",
}
_UTIL = "opentelemetry.util.genai"

_USAGE = (gen_ai.USAGE_INPUT_TOKENS, gen_ai.USAGE_OUTPUT_TOKENS)
_STORED = (str, int, float, list)  # what OpenTelemetry can store
_adopting: weakref.WeakSet[Any] = weakref.WeakSet()  # native spans that a call of ours has added to


class Owner(Protocol):
    """A model call further out, which takes what an inner one learns."""

    operation: str

    @property
    def active(self) -> bool: ...

    def adopt(self, attributes: Mapping[str, Any]) -> None: ...


class Teller(Protocol):
    """A call that can say what it knows before it ends."""

    @property
    def active(self) -> bool: ...

    def so_far(self) -> dict[str, Any]: ...


def suppressed(context: Context) -> bool:
    """Tell whether somebody further out asked for no spans at all."""
    return bool(context) and bool(context.get(_SUPPRESS_INSTRUMENTATION_KEY))


def owner(context: Context, operation: str) -> Owner | None:
    """Return who already owns a model call like *operation* in *context*."""
    kind = _CLASSES.get(operation)
    if kind is None or not context:
        return None
    call = current_owner(context)
    if call is not None and _CLASSES.get(call.operation) == kind:
        return call
    official = context.get(_OFFICIAL[kind][0])
    if official is not None and official is not context.get(_OWN_RECORD) and _is_told(context):
        return _OfficialOwner(operation, official)
    if (native := _native(context, kind)) is not None:
        return NativeOwner(operation, native)
    return _Nobody(operation) if context.get(_TRACELOOP) and _OWNER not in context else None


def _native(context: Context, kind: str) -> Any:
    """Return the current span when it is somebody else's, of a model call like this, and of no other call yet."""
    span: Any = get_current_span(context)
    scope = getattr(span, "instrumentation_scope", None)  # those that record have one
    if scope is None or scope.name == _provider.SCOPE or not span.is_recording():
        return None
    operation = (span.attributes or {}).get(gen_ai.OPERATION_NAME)
    return span if operation and _CLASSES.get(operation) == kind and span not in _adopting else None


def _is_told(context: Context) -> bool:
    """Tell whether there is a span: those of other instrumentation come to nothing while no provider is set."""
    return get_current_span(context).get_span_context().is_valid


def owned(context: Context) -> bool:
    """Tell whether *context* is inside a model call of ours."""
    return current_owner(context) is not None


def current_owner(context: Context) -> Owner | None:
    """Return the innermost model call of ours that is still open, or None."""
    # Weakly held: a task that outlives the call keeps its context, and a context that held its call would be a circle.
    mark: weakref.ref[Owner] | None = context.get(_OWNER)  # type: ignore[assignment]
    call = mark() if mark is not None else None
    return call if call is not None and call.active else None


def marks(call: Owner) -> dict[str, Any]:
    """Return the context entries that make *call* the owner of what it calls."""
    entries: dict[str, Any] = {_OWNER: weakref.ref(call), _TRACELOOP: True}
    if _UTIL in sys.modules and (kind := _CLASSES.get(call.operation)):
        key, module, name = _OFFICIAL[kind]
        if data := getattr(sys.modules.get(f"{_UTIL}.{module}"), name, None):
            entries[key] = entries[_OWN_RECORD] = data()
    return entries


class _OfficialOwner:
    """An open call of OpenTelemetry's own GenAI packages, whose record in the context takes values by field name."""

    active = True

    def __init__(self, operation: str, record: Any) -> None:
        self.operation = operation
        self._record = record

    def adopt(self, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            attribute = name.removeprefix("gen_ai.").replace(".", "_")
            if name not in gen_ai.CONTENT and hasattr(self._record, attribute):
                setattr(self._record, attribute, value)


class NativeOwner:
    """A span of a library that traces itself: it gets what it does not say. A second call below it has its own.

    It may end before the answer has come. What is known is added then; usage that it does not tell needs another span.
    """

    active = True

    def __init__(self, operation: str, span: Any) -> None:
        self.operation = operation
        self._span = span
        _adopting.add(span)

    def ask_before_its_end(self, call: Teller) -> None:
        """See to it that the span has what *call* knows by then: it may end before the stream has been drained."""
        span = self._span
        theirs = span.end
        asked = weakref.ref(call)

        def end(*args: Any, **kwargs: Any) -> None:
            harmless(delattr, span, "end")
            teller = asked()
            if teller is not None and teller.active:
                harmless(lambda: self.adopt(teller.so_far()))
            theirs(*args, **kwargs)

        harmless(setattr, span, "end", end)

    def missed_usage(self, known: Mapping[str, Any]) -> bool:
        """Tell whether the span is over and says nothing of what was used, while *known* does."""
        said = self._span.attributes or ()
        told = any(known.get(name) is not None for name in _USAGE)
        return told and not self._span.is_recording() and not any(name in said for name in _USAGE)

    def adopt(self, attributes: Mapping[str, Any]) -> None:
        if not self._span.is_recording():  # over before its stream was: OpenTelemetry complains of every value set now
            return
        known = {gen_ai.ERROR_MESSAGE, *(self._span.attributes or ())}
        if not _settings.current().span_content:
            known |= gen_ai.CONTENT
        for name, value in attributes.items():
            if name not in known and isinstance(value, _STORED) and value != []:
                self._span.set_attribute(name, _content.storable(value) if isinstance(value, str) else value)


class _Nobody:
    """A call whose owner only says that it has one."""

    active = True

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def adopt(self, attributes: Mapping[str, Any]) -> None:
        pass
