"""Instrument GenAI applications: spans that follow the OpenTelemetry GenAI conventions.

Importing this imports no SDK: `autolog()` waits for the application to do so. Nor does it import what knows about SDKs
that nobody asks for, which would be half of its time: `spanbook.openai` is imported when it is first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._assessments import (
    Assessment,
    AssessmentError,
    AssessmentSource,
    Expectation,
    Feedback,
    log_assessment,
    log_expectation,
    log_feedback,
)
from ._belonging import ActiveModel, Experiment, context, set_active_model, set_experiment, update_current_trace
from ._entities import LoggedModel, create_experiment, create_external_model, delete_trace_tag, set_trace_tag
from ._provider import flush
from ._reading import SpanRecord, Trace, get_trace, search_traces
from ._settings import Content, configure
from ._tracing import ActiveSpan, agent, get_current_trace_id, retriever, start_span, tool, trace

if TYPE_CHECKING:
    from . import (
        anthropic,
        bedrock,
        cohere,
        fireworks,
        google_genai,
        groq,
        huggingface_hub,
        langchain,
        litellm,
        llama_index,
        mcp,
        mistralai,
        ollama,
        openai,
        openai_agents,
        pydantic_ai,
        together,
    )

# Every supported SDK; a new one is a module, a line here and above, and an entry point in pyproject.toml.
_SDKS = (
    "anthropic",
    "bedrock",
    "cohere",
    "fireworks",
    "google_genai",
    "groq",
    "huggingface_hub",
    "langchain",
    "litellm",
    "llama_index",
    "mcp",
    "mistralai",
    "ollama",
    "openai",
    "openai_agents",
    "pydantic_ai",
    "together",
)


def __getattr__(name: str) -> Any:
    if name in _SDKS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SDKS})


def autolog() -> None:
    """Trace every supported SDK that is installed, now or when it is imported."""
    for name in _SDKS:
        import_module(f"{__name__}.{name}")._sdk.instrument()


def unlog() -> None:
    """Put every SDK back as it was."""
    for name in _SDKS:
        import_module(f"{__name__}.{name}").unlog()


__all__ = [
    "ActiveModel",
    "ActiveSpan",
    "Assessment",
    "AssessmentError",
    "AssessmentSource",
    "Content",
    "Expectation",
    "Experiment",
    "Feedback",
    "LoggedModel",
    "SpanRecord",
    "Trace",
    "agent",
    "anthropic",
    "autolog",
    "bedrock",
    "cohere",
    "configure",
    "context",
    "create_experiment",
    "create_external_model",
    "delete_trace_tag",
    "fireworks",
    "flush",
    "get_current_trace_id",
    "get_trace",
    "google_genai",
    "groq",
    "huggingface_hub",
    "langchain",
    "litellm",
    "llama_index",
    "log_assessment",
    "log_expectation",
    "log_feedback",
    "mcp",
    "mistralai",
    "ollama",
    "openai",
    "openai_agents",
    "pydantic_ai",
    "retriever",
    "search_traces",
    "set_active_model",
    "set_experiment",
    "set_trace_tag",
    "start_span",
    "together",
    "tool",
    "trace",
    "unlog",
    "update_current_trace",
]
