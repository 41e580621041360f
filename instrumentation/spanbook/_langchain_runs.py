"""LangChain's runs as spans: the handler that joins every run.

Not every run is an operation: prompts, parsers and the glue between them get no span.
"""

# Callbacks get what they are given and return nothing: the parent's would return the run trees that are not built here.
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from langchain_core.tracers.base import BaseTracer
from opentelemetry.trace import SpanKind

from spanbook_schemas import gen_ai

from . import _langchain_reading as reading
from . import _settings
from ._call import Call
from ._guard import harmless
from ._readers import Attributes
from ._sdk import Sdk
from ._seats import sit_down
from ._trees import MODEL_CALL, Node, Tree

Told = Mapping[str, Any]
Asked = Mapping[str, Callable[[], Any]]  # what a model was asked; read at the end, unless an SDK below has told it


class Runs(BaseTracer):
    """A tracer, so that LangGraph's trace policies hold for it; it keeps spans instead of LangChain's run trees."""

    run_inline = True

    def __init__(self, sdk: Sdk) -> None:
        super().__init__()
        self._sdk = sdk
        self.open = Tree("langchain")

    def __copy__(self) -> Runs:
        return self

    def __deepcopy__(self, memo: object) -> Runs:
        return self

    @property
    def raise_error(self) -> bool:
        """Whether a failure in here reaches the application: under our own tests alone."""
        return _settings.current().raise_errors

    def on_chain_start(self, serialized: Any, inputs: Any, **told: Any) -> None:
        """Begin a workflow, a graph, one of its nodes or an agent."""
        harmless(self._begin_chain, inputs, told)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **told: Any) -> None:
        """End it with what came out."""
        harmless(self._end, run_id, lambda call: reading.chain_output(call.operation, outputs))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End it with an error, unless it only waits for a human."""
        harmless(self._end, run_id, lambda call: {}, None if _is_control_flow(error) else error)

    def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
        """Begin a model call; an SDK below adds to it what it learns."""
        asked = {gen_ai.INPUT_MESSAGES: lambda: reading.input_messages(messages)}
        harmless(self._begin_model, gen_ai.CHAT, serialized, asked, told)

    def on_llm_start(self, serialized: Any, prompts: Any, **told: Any) -> None:
        """Begin a completion of a prompt."""
        asked = {gen_ai.INPUT_MESSAGES: lambda: reading.prompts(prompts)}
        harmless(self._begin_model, gen_ai.TEXT_COMPLETION, serialized, asked, told)

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **told: Any) -> None:
        """Note when the first piece of a stream came."""
        run = self.open.get(run_id)
        if run is not None and not run.call.first_chunk:
            run.call.first_byte()
            run.call.set({gen_ai.REQUEST_STREAM: True})

    def on_stream_event(self, event: Any, *, run_id: UUID, **told: Any) -> None:
        """Note the same for streams of events."""
        self.on_llm_new_token("", run_id=run_id)

    def on_llm_end(self, response: Any, *, run_id: UUID, **told: Any) -> None:
        """End a model call with its answer."""
        harmless(self._end, run_id, lambda call: reading.answer(response, call.captures_content))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a model call with an error, and with what had been streamed before it."""
        response = told.get("response")
        harmless(self._end, run_id, lambda call: reading.answer(response, call.captures_content), error)

    def on_tool_start(self, serialized: Any, input_str: str, **told: Any) -> None:
        """Begin a tool call."""
        harmless(self._begin_tool, serialized, input_str, told)

    def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        """End a tool call with its result."""
        harmless(self._end, run_id, lambda call: reading.tool_result(output))

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a tool call with an error, unless it only waits for a human."""
        harmless(self._end, run_id, lambda call: {}, None if _is_control_flow(error) else error)

    def on_retriever_start(self, serialized: Any, query: str, **told: Any) -> None:
        """Begin a retrieval."""
        harmless(self._begin_retrieval, query, told)

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **told: Any) -> None:
        """End a retrieval with what was found."""
        harmless(self._end, run_id, lambda call: {gen_ai.RETRIEVAL_DOCUMENTS: reading.documents(documents)})

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """End a retrieval with an error."""
        harmless(self._end, run_id, lambda call: {}, error)

    def on_text(self, text: str, **told: Any) -> None:
        """Nothing: a log line."""

    def on_retry(self, retry_state: Any, **told: Any) -> None:
        """Nothing: each attempt is a run of its own."""

    def on_custom_event(self, name: str, data: Any, **told: Any) -> None:
        """Nothing: the application's own."""

    def _persist_run(self, run: Any) -> None:
        """Nothing: no run trees are built."""

    def _begin_chain(self, inputs: Any, told: Told) -> None:
        if not self._sdk.enabled:
            return
        kind = reading.chain_kind(told)
        if kind is None:
            self.open.stand_in(told["run_id"], told.get("parent_run_id"))
            return
        operation, name = kind
        run = self._start(operation, {gen_ai.OPERATION_NAME: operation, gen_ai.AGENT_NAME: name}, told)
        if run.call.captures_content:
            run.call.set(reading.chain_input(operation, inputs))

    def _begin_model(self, operation: str, serialized: Any, asked: Asked, told: Told) -> None:
        if self._sdk.enabled:
            attributes = reading.request(serialized, told)
            attributes[gen_ai.OPERATION_NAME] = operation
            run = self._start(operation, attributes, told, reader=MODEL_CALL, kind=SpanKind.CLIENT)
            run.notes.update(asked)
            run.notes[gen_ai.TOOL_DEFINITIONS] = lambda: reading.tools(told)

    def _begin_tool(self, serialized: Any, input_str: str, told: Told) -> None:
        if self._sdk.enabled:
            run = self._start(gen_ai.EXECUTE_TOOL, reading.tool(serialized, told), told)
            run.call.set({gen_ai.TOOL_CALL_ARGUMENTS: reading.tool_arguments(input_str, told)})

    def _begin_retrieval(self, query: str, told: Told) -> None:
        if self._sdk.enabled:
            run = self._start(gen_ai.RETRIEVAL, reading.retrieval(told), told, kind=SpanKind.CLIENT)
            run.call.set({gen_ai.RETRIEVAL_QUERY_TEXT: query})

    def _start(self, operation: str, attributes: Attributes, told: Told, **options: Any) -> Node:
        attributes.update(reading.belonging(operation, told))
        run = self.open.begin(told["run_id"], told.get("parent_run_id"), operation, attributes, **options)
        sit_down(run.call.context)
        return run

    def _end(self, run_id: UUID, read: Callable[[Call], Attributes], error: BaseException | None = None) -> None:
        run = self.open.take(run_id)
        if run is None:
            return
        try:
            harmless(_tell, run, read)
        finally:
            run.call.finish() if error is None else run.call.fail(error)


def _tell(run: Node, read: Callable[[Call], Attributes]) -> None:
    """Record what the run's end tells, but for what an SDK below told already: it saw the wire."""
    call = run.call
    found = {name: value for name, value in read(call).items() if call.learnt(name) is None}
    found[gen_ai.PROVIDER_NAME] = call.learnt(gen_ai.PROVIDER_NAME)  # by the address, not by the client's class
    if call.captures_content:
        for name, value in run.notes.items():
            if call.learnt(name) is None:
                found[name] = value()
    call.set({name: value for name, value in found.items() if value is not None})


def _is_control_flow(error: BaseException) -> bool:
    """Tell whether a graph only pauses or jumps, which LangGraph does by exceptions."""
    errors = sys.modules.get("langgraph.errors")
    return errors is not None and isinstance(error, errors.GraphBubbleUp)
