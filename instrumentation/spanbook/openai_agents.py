"""OpenAI's Agents SDK: workflows, agents, model calls, tools, handoffs and guardrails.

The SDK has a tracing API of its own; a processor of ours listens beside those that are there. Its idea of the current
span is followed where it changes, so that OpenTelemetry's current span is always the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._sdk import Patch, Plug, Sdk, wrapped_by

if TYPE_CHECKING:
    from ._agents_spans import Listener

_listener: Listener | None = None


def _listen(sdk: Sdk) -> Callable[[], None]:
    """Add a processor to the SDK's own."""
    global _listener
    from agents.tracing import add_trace_processor, get_trace_provider

    from ._agents_spans import Listener

    listener = _listener = Listener(sdk)
    add_trace_processor(listener)

    def leave() -> None:
        processors: Any = getattr(get_trace_provider(), "_multi_processor", None)
        if processors is not None:
            processors.set_processors([each for each in processors._processors if each is not listener])

    return leave


def _staying(sdk: Sdk, original: Any) -> Any:
    """Stay when the application chooses its processors, which many do to turn OpenAI's export off."""

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        chosen = args[0] if args else kwargs.get("processors")
        if not sdk.enabled or _listener is None or chosen is None or _listener in chosen:
            return wrapped(*args, **kwargs)
        return wrapped([*chosen, _listener])

    return wrapped_by(original, around)


def _entering(sdk: Sdk, original: Any) -> Any:
    """Follow the SDK into a span or a trace."""

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        token = wrapped(*args, **kwargs)
        if sdk.enabled and _listener is not None:
            _listener.enter(token, args[0] if args else None)
        return token

    return wrapped_by(original, around)


def _leaving(sdk: Sdk, original: Any) -> Any:
    """Follow the SDK out of it again."""

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if _listener is not None:
            _listener.leave(args[0] if args else None)
        return wrapped(*args, **kwargs)

    return wrapped_by(original, around)


_SCOPE = "agents.tracing.scope"

_sdk = Sdk(
    provider="openai_agents",
    requires="openai-agents>=0.6",
    hooks=(
        Plug("agents.tracing", _listen),
        Patch("agents.tracing.provider", "SynchronousMultiTracingProcessor.set_processors", _staying),
        Patch(_SCOPE, "Scope.set_current_span", _entering),
        Patch(_SCOPE, "Scope.reset_current_span", _leaving),
        Patch(_SCOPE, "Scope.set_current_trace", _entering),
        Patch(_SCOPE, "Scope.reset_current_trace", _leaving),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
