"""The spans of OpenAI's Agents SDK, as its tracing processors see them.

A span is told when it starts and when it ends, and most of what it is about only at the end. What an agent was asked
and answered is not told at all: it is what its first model call was asked and its last one answered.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

from agents.tracing import TracingProcessor
from opentelemetry.context import _RUNTIME_CONTEXT, attach
from opentelemetry.trace import SpanKind

from spanbook_schemas import gen_ai, names

from . import _chat_completions, _responses
from ._content import parsed
from ._fields import field, items, text
from ._guard import harmless
from ._readers import Attributes
from ._sdk import Sdk
from ._trees import MODEL_CALL, Node, Tree

_RESPONSES = _responses.Responses()
_CALLS = "calls"  # of an agent's notes: the tool calls that its model asked for
_ASKED = "asked"  # it is known what the operation was asked
_HANDLED = "handled"  # the exception that was being handled when the operation began
_SPOKEN = (gen_ai.INPUT_MESSAGES, gen_ai.SYSTEM_INSTRUCTIONS, gen_ai.OUTPUT_MESSAGES)


class Listener(TracingProcessor):
    """A tracing processor; what it does not know gets no span."""

    def __init__(self, sdk: Sdk) -> None:
        self._sdk = sdk
        self.open = Tree("openai-agents")
        self._entered: dict[int, Any] = {}

    def on_trace_start(self, trace: Any) -> None:
        """Begin a workflow."""
        if self._sdk.enabled:
            harmless(self._begin_trace, trace)

    def on_trace_end(self, trace: Any) -> None:
        """End it."""
        harmless(self._end, trace.trace_id, None)

    def on_span_start(self, span: Any) -> None:
        """Begin an operation."""
        if self._sdk.enabled:
            harmless(self._begin, span)

    def on_span_end(self, span: Any) -> None:
        """End it with what is known of it now."""
        harmless(self._end, span.span_id, span)

    def shutdown(self, timeout: float | None = None) -> None:
        """Nothing: OpenTelemetry's provider is the application's."""

    def force_flush(self) -> None:
        """Nothing: spans leave as OpenTelemetry sends them."""

    def enter(self, token: Any, entered: Any) -> None:
        """Make the span current that the SDK made current."""
        id = getattr(entered, "span_id", None) or getattr(entered, "trace_id", None)
        if token is not None and (context := self.open.inside(id)) is not None:
            self._entered[_key(token)] = attach(context)

    def leave(self, token: Any) -> None:
        """Give the one back that was current before."""
        attached = self._entered.pop(_key(token), None)
        if attached is not None:
            with contextlib.suppress(ValueError, LookupError, RuntimeError):  # ended by another task
                _RUNTIME_CONTEXT.detach(attached)

    def _begin_trace(self, trace: Any) -> None:
        attributes: Attributes = {
            gen_ai.OPERATION_NAME: gen_ai.INVOKE_WORKFLOW,
            gen_ai.AGENT_NAME: text(trace.name),
            gen_ai.CONVERSATION_ID: text(getattr(trace, "group_id", None)),
        }
        for key, value in (getattr(trace, "metadata", None) or {}).items():
            attributes[f"{names.METADATA_PREFIX}{key}"] = str(value)
        node = self.open.begin(trace.trace_id, None, gen_ai.INVOKE_WORKFLOW, attributes)
        node.notes[_HANDLED] = sys.exception()
        node.notes[gen_ai.CONVERSATION_ID] = attributes[gen_ai.CONVERSATION_ID]

    def _begin(self, span: Any) -> None:
        data, parent = span.span_data, span.parent_id or span.trace_id
        known = _described(data)
        if known is None:
            self.open.stand_in(span.span_id, parent)
            return
        operation, attributes, options = known
        above = self.open.get(parent)
        root = self.open.get(above.root) if above else None
        if root is not None and operation in (gen_ai.INVOKE_AGENT, gen_ai.EXECUTE_TOOL):
            attributes[gen_ai.CONVERSATION_ID] = root.notes.get(gen_ai.CONVERSATION_ID)
        if operation == gen_ai.EXECUTE_TOOL and (agent := _agent_above(above)) is not None:
            attributes[gen_ai.AGENT_NAME] = agent.notes[gen_ai.AGENT_NAME]
        node = self.open.begin(span.span_id, parent, operation, attributes, **options)
        node.notes[_HANDLED] = sys.exception()
        node.notes[gen_ai.AGENT_NAME] = attributes.get(gen_ai.AGENT_NAME)

    def _end(self, id: str, span: Any) -> None:
        node = self.open.take(id)
        if node is None:
            return
        error = sys.exception()
        if error is node.notes.get(_HANDLED):
            error = None
        try:
            if span is not None:
                harmless(_tell, node, span)
        finally:
            node.call.finish() if error is None else node.call.fail(error)


def _key(token: Any) -> int:
    return id(token)  # tokens have no hash; the SDK's span holds its own until it is left


def _described(data: Any) -> tuple[str, Attributes, dict[str, Any]] | None:
    """Return a span's operation, its attributes, and how it is opened; None for steps without a span."""
    name = text(field(data, "name"))
    told: Attributes
    match data.type:
        case "agent":
            return gen_ai.INVOKE_AGENT, {gen_ai.OPERATION_NAME: gen_ai.INVOKE_AGENT, gen_ai.AGENT_NAME: name}, {}
        case "function":
            told = {
                gen_ai.OPERATION_NAME: gen_ai.EXECUTE_TOOL,
                gen_ai.TOOL_NAME: name or "function",
                gen_ai.TOOL_TYPE: "extension" if field(data, "mcp_data") else "function",
            }
            return gen_ai.EXECUTE_TOOL, told, {}
        case "generation" | "response":
            told = {
                gen_ai.OPERATION_NAME: gen_ai.CHAT,
                gen_ai.PROVIDER_NAME: "openai",
                gen_ai.REQUEST_MODEL: text(field(data, "model")),
            }
            return gen_ai.CHAT, told, {"reader": MODEL_CALL, "kind": SpanKind.CLIENT}
        case "handoff":
            return "", {names.SPAN_TYPE: "handoff"}, {"name": f"handoff {field(data, 'to_agent') or ''}".rstrip()}
        case "guardrail" | "custom" | "transcription" | "speech" as kind:
            return "", {names.SPAN_TYPE: kind}, {"name": f"{kind} {name}" if name else kind}
        case _:
            return None


def _tell(node: Node, span: Any) -> None:
    data = span.span_data
    match data.type:
        case "generation" | "response":
            _tell_model(node, data)
        case "function":
            _tell_tool(node, data)
        case "handoff":
            found = {"from_agent": field(data, "from_agent"), "to_agent": field(data, "to_agent")}
            node.call.set({names.OUTPUT: found})
            if (spans := node.call.span) is not None and found["to_agent"]:
                spans.update_name(f"handoff {found['to_agent']}")
        case "guardrail":
            node.call.set({names.OUTPUT: {"triggered": field(data, "triggered")}})
        case "custom":
            node.call.set({names.OUTPUT: field(data, "data")})
        case "transcription" | "speech":
            said = "output" if data.type == "transcription" else "input"
            node.call.set({names.OUTPUT: field(data, said)})
    if (wrong := span.error) is not None and node.call.learnt(gen_ai.ERROR_TYPE) is None:
        is_tool = data.type == "function"
        node.call.set({gen_ai.ERROR_TYPE: "tool_error" if is_tool else "_OTHER", gen_ai.ERROR_MESSAGE: _message(wrong)})


def _message(wrong: Mapping[str, Any]) -> str:
    detail = text(field(field(wrong, "data"), "error"))
    return f"{wrong['message']}: {detail}" if detail else str(wrong["message"])


def _tell_model(node: Node, data: Any) -> None:
    """Record a model call, but for what an SDK below told already: it saw the wire."""
    call = node.call
    read = _of_response if data.type == "response" else _of_generation
    found = {name: value for name, value in read(data, call.captures_content).items() if value is not None}
    call.set({name: value for name, value in found.items() if call.learnt(name) is None})
    if provider := call.learnt(gen_ai.PROVIDER_NAME):  # by the address: the client is OpenAI's in any case
        call.set({gen_ai.PROVIDER_NAME: provider})
    model = call.learnt(gen_ai.REQUEST_MODEL) or found.get(gen_ai.REQUEST_MODEL)
    if call.span is not None and model:
        call.span.update_name(f"{gen_ai.CHAT} {model}")
    agent = _agent_above(node.above)
    if agent is not None:
        agent.notes.setdefault(_CALLS, []).extend(_calls(data))
    for above in (agent, agent.above if agent else node.above):
        if above is not None and call.captures_content:
            _pass_on(above, found)


def _pass_on(above: Node, found: Attributes) -> None:
    """Record what an agent, or the workflow round it, was asked and answered."""
    told = {name: found[name] for name in _SPOKEN if name in found}
    if above.notes.setdefault(_ASKED, told.get(gen_ai.INPUT_MESSAGES)) is not told.get(gen_ai.INPUT_MESSAGES):
        told.pop(gen_ai.INPUT_MESSAGES, None)
    above.call.set(told)


def _of_response(data: Any, with_content: bool) -> Attributes:
    response = data.response
    if response is None:
        return _RESPONSES.request_content({"input": data.input}) if with_content else {}
    found = {**_RESPONSES.response(response), gen_ai.REQUEST_MODEL: text(field(response, "model"))}
    if with_content:
        asked = {name: field(response, name) for name in ("instructions", "tools")}
        found.update(_RESPONSES.request_content({"input": data.input, **asked}))
        found.update(_RESPONSES.response_content(response))
    return found


def _of_generation(data: Any, with_content: bool) -> Attributes:
    found = _chat_completions.parameters(field(data, "model_config") or {}, _chat_completions.PARAMETERS)
    used = field(data, "usage")
    found |= {
        gen_ai.REQUEST_MODEL: text(field(data, "model")),
        gen_ai.USAGE_INPUT_TOKENS: field(used, "input_tokens"),
        gen_ai.USAGE_OUTPUT_TOKENS: field(used, "output_tokens"),
    }
    if with_content:
        for name, messages in ((gen_ai.INPUT_MESSAGES, data.input), (gen_ai.OUTPUT_MESSAGES, data.output)):
            found[name] = [_chat_completions.message(each) for each in items(messages)] or None
    return found


def _calls(data: Any) -> list[tuple[Any, Any, Any]]:
    """Return the tool calls that a model asked for: name, arguments, id."""
    if data.type == "response":
        asked = [item for item in items(field(data.response, "output")) if field(item, "type") == "function_call"]
        return [(field(item, "name"), field(item, "arguments"), field(item, "call_id")) for item in asked]
    calls = [call for said in items(data.output) for call in items(field(said, "tool_calls"))]
    return [
        (field(field(call, "function"), "name"), field(field(call, "function"), "arguments"), field(call, "id"))
        for call in calls
    ]


def _tell_tool(node: Node, data: Any) -> None:
    node.call.set(
        {
            gen_ai.TOOL_CALL_ID: _call_id(node, data),
            gen_ai.TOOL_CALL_ARGUMENTS: parsed(data.input) if data.input else None,
            gen_ai.TOOL_CALL_RESULT: parsed(data.output) if data.output is not None else None,
        }
    )


def _call_id(node: Node, data: Any) -> str | None:
    """Find the call that a tool's run answers, which the SDK does not tell: same name, same arguments, asked first."""
    agent = _agent_above(node.above)
    asked = agent.notes.get(_CALLS, []) if agent is not None else []
    for call in asked:
        if call[0] == data.name and (not data.input or parsed(call[1]) == parsed(data.input)):
            asked.remove(call)
            return text(call[2])
    return None


def _agent_above(node: Node | None) -> Node | None:
    while node is not None and (node.stands_in or node.call.operation != gen_ai.INVOKE_AGENT):
        node = node.above
    return node
