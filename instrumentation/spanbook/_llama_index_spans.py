"""LlamaIndex's method calls as spans: which of them are operations, and what they tell."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Mapping
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span_handlers import BaseSpanHandler
from opentelemetry.context import _RUNTIME_CONTEXT, attach
from opentelemetry.trace import SpanKind
from pydantic import PrivateAttr

from spanbook_schemas import gen_ai

from . import _llama_index_reading as reading
from ._guard import harmless
from ._readers import Attributes
from ._sdk import Sdk
from ._trees import MODEL_CALL, Node, Tree

_ID_LENGTH = 37  # of the dash and the UUID after a method's name
_TOKEN = "token"
_STREAMED = "streamed"


class Listener:
    """What both handlers tell."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk
        self.open = Tree("llama-index")

    def enter(self, id: str, parent: str | None, instance: Any, given: Mapping[str, Any]) -> None:
        """Begin an operation, or note a step."""
        if not self._sdk.enabled:
            return
        method = id[:-_ID_LENGTH].rpartition(".")[2]
        known = self._operation(parent, method, instance, given)
        if known is None:
            self._begin_step(id, parent, given)
            return
        operation, attributes, content = known
        model = operation in (gen_ai.CHAT, gen_ai.TEXT_COMPLETION, gen_ai.EMBEDDINGS)
        outgoing = model or operation == gen_ai.RETRIEVAL
        node = self.open.begin(
            id,
            parent,
            operation,
            {name: value for name, value in attributes.items() if value is not None},
            reader=MODEL_CALL if model else None,
            kind=SpanKind.CLIENT if outgoing else SpanKind.INTERNAL,
        )
        node.notes[gen_ai.AGENT_NAME] = attributes.get(gen_ai.AGENT_NAME)
        node.call.set({name: value for name, value in content.items() if value is not None})
        if method != "run":  # which returns at once, while its steps go on in tasks of their own
            node.notes[_TOKEN] = attach(node.call.context)

    def exit(self, id: str, result: Any) -> None:
        """End an operation with its result; a stream has only begun."""
        node = self.open.get(id)
        if node is None:
            return
        _give_back(node)
        if isinstance(result, GeneratorType | AsyncGeneratorType) and not node.stands_in:
            node.notes[_STREAMED] = True
            weakref.finalize(result, self.end, id, abandoned=True)
            return
        if (ended := self.open.take(id)) is not None:
            found = harmless(reading.result, ended.call.operation, result) or {}
            _tell(ended, found)
            ended.call.finish()

    def drop(self, id: str, error: BaseException | None) -> None:
        """End an operation with an error."""
        if (node := self.open.get(id)) is not None:
            _give_back(node)
        if (ended := self.open.take(id)) is not None:
            ended.call.fail(error) if error is not None else ended.call.finish()

    def end(self, id: str, response: Any = None, *, abandoned: bool = False) -> None:
        """End a streamed model call."""
        node = self.open.get(id)
        if node is None or not node.notes.get(_STREAMED) or self.open.take(id) is None:
            return
        _tell(node, harmless(reading.result, node.call.operation, response) or {})
        node.call.finish(abandoned=abandoned)

    def piece(self, id: str) -> None:
        """Note the first piece of a stream."""
        node = self.open.get(id)
        if node is not None and not node.stands_in and not node.call.first_chunk:
            node.call.first_byte()
            node.call.set({gen_ai.REQUEST_STREAM: True})

    def _begin_step(self, id: str, parent: str | None, given: Mapping[str, Any]) -> None:
        """Note a step; a workflow's runs in a task that does not know what it belongs to."""
        context = self.open.inside(parent)
        self.open.stand_in(id, parent)
        step = self.open.get(id)
        if step is not None and context is not None:
            step.notes[_TOKEN] = attach(context)
        if step is not None and (call_id := reading.tool_call_id(given)):
            step.notes[gen_ai.TOOL_CALL_ID] = call_id

    def _operation(
        self, parent: str | None, method: str, instance: Any, given: Mapping[str, Any]
    ) -> tuple[str, Attributes, Attributes] | None:
        above = self.open.get(parent)
        if reading.is_model(instance, method):
            within = above is not None and above.call.operation in (gen_ai.CHAT, gen_ai.TEXT_COMPLETION)
            return None if within or _told_by_its_sdk(instance) else reading.model_call(instance, method, given)
        if reading.is_embedding(instance, method):
            within = above is not None and above.call.operation == gen_ai.EMBEDDINGS
            return None if within or _told_by_its_sdk(instance) else reading.embedding(instance)
        known = reading.operation(instance, method, given)
        if known is not None and known[0] == gen_ai.EXECUTE_TOOL:
            if above is not None and above.call.operation == gen_ai.EXECUTE_TOOL:
                return None  # a tool's `acall` that calls its `call`
            if above is not None:
                known[1][gen_ai.TOOL_CALL_ID] = above.notes.get(gen_ai.TOOL_CALL_ID)
                known[1][gen_ai.AGENT_NAME] = _agent_name(above)
        return known


class Spans(BaseSpanHandler[Any]):
    """Hands on what the dispatcher tells of methods."""

    _listener: Listener = PrivateAttr()

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def span_enter(
        self,
        id_: str,
        bound_args: Any,
        instance: Any = None,
        parent_id: str | None = None,
        tags: Any = None,
        **kwargs: Any,
    ) -> None:
        """Begin."""
        harmless(self._listener.enter, id_, parent_id, _instance_of(instance, bound_args), bound_args.arguments)

    def span_exit(self, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **kwargs: Any) -> None:
        """End."""
        harmless(self._listener.exit, id_, result)

    def span_drop(
        self, id_: str, bound_args: Any, instance: Any = None, err: BaseException | None = None, **kwargs: Any
    ) -> None:
        """End with an error."""
        harmless(self._listener.drop, id_, err)

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: what is open is in the tree."""

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""


class Events(BaseEventHandler):
    """Hands on what the dispatcher tells of streams."""

    _listener: Listener = PrivateAttr()

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    def handle(self, event: Any, **kwargs: Any) -> None:
        """Note the first piece and the end."""
        kind, id = event.class_name(), event.span_id
        if id and kind in ("LLMChatInProgressEvent", "LLMCompletionInProgressEvent"):
            self._listener.piece(id)
        elif id and kind in ("LLMChatEndEvent", "LLMCompletionEndEvent"):
            harmless(self._listener.end, id, event.response)


def _instance_of(instance: Any, bound_args: Any) -> Any:
    return instance if instance is not None else bound_args.arguments.get("self")


def _tell(node: Node, found: Attributes) -> None:
    call = node.call
    known = {name: value for name, value in found.items() if value is not None and call.learnt(name) is None}
    call.set(known)


def _give_back(node: Node) -> None:
    token = node.notes.pop(_TOKEN, None)
    if token is not None:
        with contextlib.suppress(ValueError, LookupError, RuntimeError):  # ended by another task
            _RUNTIME_CONTEXT.detach(token)


def _agent_name(node: Node | None) -> str | None:
    while node is not None:
        if node.call.operation == gen_ai.INVOKE_AGENT and not node.stands_in:
            name: str | None = node.notes.get(gen_ai.AGENT_NAME)
            return name
        node = node.above
    return None


# The integration that a model class comes from -> the instrumented SDK that it calls
_SDKS = {
    "anthropic": "anthropic",
    "azure_openai": "openai",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "cohere": "cohere",
    "deepseek": "openai",
    "fireworks": "openai",
    "gemini": "google_genai",
    "google_genai": "google_genai",
    "groq": "openai",
    "huggingface_api": "huggingface_hub",
    "litellm": "litellm",
    "mistralai": "mistralai",
    "ollama": "ollama",
    "openai": "openai",
    "openai_like": "openai",
    "openrouter": "openai",
    "perplexity": "openai",
    "together": "openai",
    "vertex": "google_genai",
}


def _told_by_its_sdk(model: Any) -> bool:
    """Tell whether a model calls an SDK that is traced itself."""
    for kind in type(model).__mro__:
        parts = kind.__module__.split(".")
        if parts[0] == "llama_index" and len(parts) > 2 and parts[1] in ("llms", "embeddings"):
            module = sys.modules.get(f"spanbook.{_SDKS.get(parts[2], '')}")
            return module is not None and module._sdk.enabled
    return False
