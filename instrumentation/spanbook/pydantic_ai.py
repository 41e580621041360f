"""Pydantic AI, which traces itself: its spans are switched on and routed, nothing is wrapped.

It speaks the conventions, in the newest of its own versions that is installed. Its spans go where ours go, its content
obeys our switches, and the SDK below adds to its model calls instead of repeating them.
"""

from __future__ import annotations

from collections.abc import Callable

from ._sdk import Plug, Sdk


def _switch_on(sdk: Sdk) -> Callable[[], None]:
    """Instrument every agent that does not say otherwise itself."""
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings

    from ._pydantic_ai_spans import settings

    before = Agent._instrument_default
    ours = settings(InstrumentationSettings)
    Agent.instrument_all(ours)

    def switch_off() -> None:
        if Agent._instrument_default is ours:
            Agent.instrument_all(before)

    return switch_off


_sdk = Sdk(
    provider="pydantic_ai",
    requires="pydantic-ai-slim>=1.22",
    hooks=(Plug("pydantic_ai", _switch_on),),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
