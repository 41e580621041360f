"""Instrument GenAI applications: spans that follow the OpenTelemetry GenAI conventions.

Importing this imports no SDK: `autolog()` waits for the application to do so. Nor does it import what nobody asks for,
which would be two thirds of its time: `spanbook.openai` and `spanbook.log_feedback` are imported when they are named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._belonging import ActiveModel, Experiment, context, set_active_model, set_experiment, update_current_trace
from ._provider import flush
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
    from ._entities import LoggedModel, create_experiment, create_external_model, delete_trace_tag, set_trace_tag
    from ._reading import SpanRecord, Trace, get_trace, search_traces

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

# What else is imported when it is named, and where it is: not every application judges its traces or reads them back.
_LATER = {
    "Assessment": "_assessments",
    "AssessmentError": "_assessments",
    "AssessmentSource": "_assessments",
    "Expectation": "_assessments",
    "Feedback": "_assessments",
    "LoggedModel": "_entities",
    "SpanRecord": "_reading",
    "Trace": "_reading",
    "create_experiment": "_entities",
    "create_external_model": "_entities",
    "delete_trace_tag": "_entities",
    "get_trace": "_reading",
    "log_assessment": "_assessments",
    "log_expectation": "_assessments",
    "log_feedback": "_assessments",
    "search_traces": "_reading",
    "set_trace_tag": "_entities",
}


def __getattr__(name: str) -> Any:
    if name in _SDKS:
        return import_module(f"{__name__}.{name}")
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SDKS, *_LATER})


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
