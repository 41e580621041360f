"""LlamaIndex: agents and workflows, query and chat engines, retrievers, tools, and models whose SDK is not traced.

Its dispatcher tells handlers of every decorated method. A streamed model call returns before it has begun, and nobody
can say then what its steps belong to; so a model whose SDK is traced leaves its calls to the SDK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ._sdk import Plug, Sdk

if TYPE_CHECKING:
    from ._llama_index_spans import Listener

_listener: Listener | None = None


def _listen(sdk: Sdk) -> Callable[[], None]:
    """Add a span handler and an event handler to the root dispatcher."""
    global _listener
    from llama_index_instrumentation import get_dispatcher

    from ._llama_index_spans import Events, Listener, Spans

    listener = _listener = Listener(sdk)
    spans, events = Spans(listener), Events(listener)
    dispatcher = get_dispatcher()
    dispatcher.add_span_handler(spans)
    dispatcher.add_event_handler(events)

    def leave() -> None:
        dispatcher.span_handlers[:] = [each for each in dispatcher.span_handlers if each is not spans]
        dispatcher.event_handlers[:] = [each for each in dispatcher.event_handlers if each is not events]

    return leave


_sdk = Sdk(
    provider="llama_index",
    requires="llama-index-core>=0.14",
    hooks=(Plug("llama_index_instrumentation", _listen),),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
