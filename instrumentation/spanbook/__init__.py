"""Instrument GenAI applications: spans that follow the OpenTelemetry GenAI conventions.

Importing this imports no SDK: `autolog()` waits for the application to do so.
"""

from . import anthropic, fireworks, groq, openai, together
from ._settings import configure

# Every supported SDK; a new one is a module and a line here.
_SDKS = (anthropic, fireworks, groq, openai, together)


def autolog() -> None:
    """Trace every supported SDK that is installed, now or when it is imported."""
    for module in _SDKS:
        if module._sdk.installed:
            module.autolog()


def unlog() -> None:
    """Put every SDK back as it was."""
    for module in _SDKS:
        module.unlog()


__all__ = ["anthropic", "autolog", "configure", "fireworks", "groq", "openai", "together", "unlog"]
