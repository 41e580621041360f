"""Endpoints that no reader knows: a span afterwards, when the answer shows that a model was at work.

Providers have new endpoints long before others have heard of them. That a model was called is certain when the request
names one and the answer counts tokens; before, nobody knows. So nothing is opened until then: what turns out to be a
file, a list or an error leaves no trace.
"""

from __future__ import annotations

from time import time_ns
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import INVALID_SPAN, SpanKind

from spanbook_schemas import gen_ai

from . import _suppression
from ._call import Call, name_of
from ._fields import field, integer, items, text, true
from ._readers import Attributes, Fields, Reader

_TOKENS = (
    (gen_ai.USAGE_INPUT_TOKENS, gen_ai.USAGE_CACHE_READ_INPUT_TOKENS, "cached_tokens", ("input", "prompt")),
    (gen_ai.USAGE_OUTPUT_TOKENS, gen_ai.USAGE_REASONING_OUTPUT_TOKENS, "reasoning_tokens", ("output", "completion")),
)
_WITHIN = ("response", "message", "data")  # where an event of a stream keeps what it tells of the whole answer


class UnknownCall(Call):
    """A request that may turn out to be a model's."""

    __slots__ = ("_began",)

    def _open(self, name: str, attributes: Attributes, kind: SpanKind, began: int | None = None) -> None:
        self._began = time_ns()
        self.span = INVALID_SPAN

    def _close(self, error: BaseException | None) -> None:
        operation = self._attributes.pop(gen_ai.OPERATION_NAME, None)
        if operation is None:
            return
        self.operation = operation
        # Not sooner: who owns the next call would count this one, too, that may have been none.
        self._owner = _suppression.owner(self.context, operation)
        if self._owner is None:
            self._request[gen_ai.OPERATION_NAME] = operation
            super()._open(name_of(operation, self._request), self._request, SpanKind.CLIENT, self._began)
        else:
            self.span = None
            self._attributes = {**self._request, **self._attributes}
        super()._close(error)


class AnyAnswer(Reader):
    """Reads model and tokens, in the words of either of OpenAI's shapes."""

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.REQUEST_MODEL: text(request.get("model")),
            gen_ai.REQUEST_STREAM: true(request.get("stream")),
        }

    def response(self, response: Any) -> Attributes:
        used = _usage(field(response, "usage"))
        if not (used.get(gen_ai.USAGE_INPUT_TOKENS) or used.get(gen_ai.USAGE_OUTPUT_TOKENS)):
            return {}
        found = {gen_ai.RESPONSE_MODEL: text(field(response, "model"))}
        if _vectors(response):
            counted = used.get(gen_ai.USAGE_INPUT_TOKENS)
            return {**found, gen_ai.OPERATION_NAME: gen_ai.EMBEDDINGS, gen_ai.USAGE_INPUT_TOKENS: counted}
        found[gen_ai.OPERATION_NAME] = gen_ai.GENERATE_CONTENT  # the widest of the conventions' words
        return {**found, **used, gen_ai.RESPONSE_ID: text(field(response, "id"))}

    def join(self, chunks: list[Any]) -> Any:
        told: dict[str, Any] = {}
        for chunk in chunks:
            for part in (chunk, *(field(chunk, name) for name in _WITHIN)):
                told |= {name: value for name in ("id", "model", "usage") if (value := field(part, name)) is not None}
        return told


def _usage(used: Any) -> Attributes:
    found: Attributes = {}
    for total, share, shared, words in _TOKENS:
        for word in words:
            if (count := integer(field(used, f"{word}_tokens"))) is not None:
                found[total] = count
                found[share] = integer(field(field(used, f"{word}_tokens_details"), shared))
                break
    return found


def _vectors(response: Any) -> bool:
    data = items(field(response, "data"))
    return bool(data) and field(data[0], "embedding") is not None


_ANY_ANSWER = AnyAnswer()


def begin(request: Fields, attributes: Attributes) -> UnknownCall | None:
    """Return what waits for the answer, or None where tracing is suppressed."""
    context = get_current()
    if _suppression.suppressed(context):
        return None
    return UnknownCall("", {**attributes, **_ANY_ANSWER.request(request)}, reader=_ANY_ANSWER, parent=context)
