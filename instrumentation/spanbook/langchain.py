"""LangChain and LangGraph: agents, graphs and their nodes, chains, models, tools and retrievers.

LangChain tells of its runs through callbacks; one handler of ours joins every run. What the callbacks cannot do, make a
run's span current while its body runs, is done where LangChain itself prepares a run's context.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, attach

from ._sdk import Patch, Plug, Sdk, wrapped_by
from ._seats import running_in, seated

if TYPE_CHECKING:
    from ._langchain_runs import Runs

_runs: Runs | None = None


def _join(sdk: Sdk) -> Callable[[], None]:
    """Have a handler of ours added to every run."""
    global _runs
    from langchain_core.tracers import context

    from ._langchain_runs import Runs

    _runs = Runs(sdk)
    context.register_configure_hook(ContextVar("spanbook_runs", default=_runs), inheritable=True, handle_class=Runs)
    entry = context._configure_hooks[-1]

    def leave() -> None:
        if entry in context._configure_hooks:
            context._configure_hooks.remove(entry)

    return leave


def _inside(run_id: Any) -> Context | None:
    return _runs.open.inside(run_id) if _runs is not None else None


def _entering_runs(sdk: Sdk, original: Any) -> Any:
    """Attach a run's span where LangChain sets a child's configuration, in a copy of the context made for its body."""

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if sdk.enabled:
            config = args[0] if args else kwargs.get("config")
            callbacks = config.get("callbacks") if isinstance(config, dict) else None
            if (context := _inside(getattr(callbacks, "parent_run_id", None))) is not None:
                attach(context)
        return wrapped(*args, **kwargs)

    return wrapped_by(original, around)


def _of_run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Context | None:
    """Return the context of the run whose manager a model's inner method is given."""
    return _inside(_run_id(args, kwargs))


def _run_id(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    manager = kwargs.get("run_manager") or (args[2] if len(args) > 2 else None)
    return getattr(manager, "run_id", None)


def _noticing_cancellation(sdk: Sdk, original: Any) -> Any:
    """End a model call whose task is cancelled, of which LangChain tells nobody."""
    from asyncio import CancelledError  # here and not above: an application may never want it

    async def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        try:
            return await wrapped(*args, **kwargs)
        except CancelledError as error:
            if _runs is not None:
                _runs.on_llm_error(error, run_id=_run_id(args, kwargs))
            raise

    return wrapped_by(original, around)


_CORE = "langchain_core"
_CHAT_MODELS = f"{_CORE}.language_models.chat_models"
_LLMS = f"{_CORE}.language_models.llms"

_sdk = Sdk(
    provider="langchain",
    requires="langchain-core>=1",
    hooks=(
        Plug(f"{_CORE}.tracers.context", _join),
        Patch(f"{_CORE}.runnables.config", "_set_config_context", _entering_runs),
        Patch("langgraph._internal._runnable", "_set_config_context", _entering_runs),
        running_in(_CHAT_MODELS, "BaseChatModel._generate_with_cache", _of_run),
        running_in(_CHAT_MODELS, "BaseChatModel._agenerate_with_cache", _of_run),
        Patch(_CHAT_MODELS, "BaseChatModel._agenerate_with_cache", _noticing_cancellation),
        seated(_CHAT_MODELS, "BaseChatModel.stream"),
        seated(_CHAT_MODELS, "BaseChatModel.astream"),
        running_in(_CHAT_MODELS, "BaseChatModel._iter_v2_events", _of_run),
        running_in(_CHAT_MODELS, "BaseChatModel._aiter_v2_events", _of_run),
        *(seated(_LLMS, f"BaseLLM.{method}") for method in ("generate", "agenerate", "stream", "astream")),
        seated(f"{_CORE}.retrievers", "BaseRetriever.invoke"),
        seated(f"{_CORE}.retrievers", "BaseRetriever.ainvoke"),
        seated("langgraph.pregel.main", "Pregel.stream"),
        seated("langgraph.pregel.main", "Pregel.astream"),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
