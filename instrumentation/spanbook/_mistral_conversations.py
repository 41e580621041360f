"""Mistral's conversations: entries instead of messages, kept at Mistral, with a model or an agent that lives there.

Whether a conversation that goes on is an agent's is not told; it counts as a model's, `chat`.
"""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import message, parameters, parts_of, tool_definitions, usage
from ._content import Part, parsed, plain, text_part
from ._fields import field, fields, items, text
from ._mistral_api import PARAMETERS
from ._readers import Attributes, Fields, Reader


class Conversations(Reader):
    """Reads `/v1/conversations`: begun, continued, or begun again from an earlier entry."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        agent = text(request.get("agent_id"))
        asked = {**fields(request.get("completion_args")), "model": request.get("model")}
        return {
            **parameters(asked, PARAMETERS),
            gen_ai.OPERATION_NAME: gen_ai.INVOKE_AGENT if agent else gen_ai.CHAT,
            gen_ai.AGENT_ID: agent,
            gen_ai.CONVERSATION_ID: text(request.get("conversation_id")),
        }

    def request_content(self, request: Fields) -> Attributes:
        given, instructions = request.get("inputs"), text(request.get("instructions"))
        entries = [{"role": "user", "content": given}] if isinstance(given, str) else items(given)
        return {
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(instructions)] if instructions else None,
            gen_ai.INPUT_MESSAGES: [_message(entry) for entry in entries] or None,
            gen_ai.TOOL_DEFINITIONS: tool_definitions(request.get("tools")),
        }

    def response(self, response: Any) -> Attributes:
        models = [text(field(entry, "model")) for entry in items(field(response, "outputs"))]
        error = field(response, "error")
        return {
            gen_ai.CONVERSATION_ID: text(field(response, "conversation_id")),
            gen_ai.RESPONSE_MODEL: next((model for model in reversed(models) if model), None),
            **usage(field(response, "usage")),
            gen_ai.ERROR_TYPE: None if error is None else str(field(error, "code")),
            gen_ai.ERROR_MESSAGE: text(field(error, "message")),
        }

    def response_content(self, response: Any) -> Attributes:
        parts = [part for entry in items(field(response, "outputs")) for part in _parts(entry)]
        return {gen_ai.OUTPUT_MESSAGES: [{"role": "assistant", "parts": parts}] if parts else None}

    def join(self, chunks: list[Any]) -> Any:
        return _join([field(chunk, "data") for chunk in chunks])


def _message(entry: Any) -> dict[str, Any]:
    kind = text(field(entry, "type"))
    if kind == "function.result":
        part: Part = {"type": "tool_call_response", "response": parsed(field(entry, "result"))}
        return {"role": "tool", "parts": [{**part, "id": text(field(entry, "tool_call_id"))}]}
    if kind in (None, "message.input"):
        return message(entry)
    return {"role": "assistant", "parts": _parts(entry)}


def _parts(entry: Any) -> list[Part]:
    """Return what a model or an agent put into a conversation; a hand-off is none of what was said."""
    kind = text(field(entry, "type"))
    name = text(field(entry, "name")) or ""
    if kind == "function.call":
        called: Part = {"type": "tool_call", "name": name, "arguments": parsed(field(entry, "arguments"))}
        return [{**called, "id": text(field(entry, "tool_call_id"))}]
    if kind == "tool.execution":
        call = {"type": name, "arguments": parsed(field(entry, "arguments")), "info": plain(field(entry, "info"))}
        told = {key: value for key, value in call.items() if value is not None}
        return [{"type": "server_tool_call", "name": name, "id": text(field(entry, "id")), "server_tool_call": told}]
    if kind == "agent.handoff":
        return []
    thoughts = [_thought(chunk) for chunk in items(field(entry, "content")) if field(chunk, "type") == "thinking"]
    said = [part for part in parts_of(entry) if part["type"] != "thinking"]
    return [*({"type": "reasoning", "content": thought} for thought in thoughts if thought), *said]


def _thought(chunk: Any) -> str:
    return "".join(text(field(piece, "text")) or "" for piece in items(field(chunk, "thinking")))


_DELTAS = {
    "message.output.delta": ("message.output", "content"),
    "function.call.delta": ("function.call", "arguments"),
    "tool.execution.started": ("tool.execution", "arguments"),
    "tool.execution.delta": ("tool.execution", "arguments"),
    "tool.execution.done": ("tool.execution", ""),
}


def _join(events: list[Any]) -> dict[str, Any]:
    """Put the entries together that a stream told of, in the order in which they began."""
    joined: dict[str, Any] = {}
    entries: dict[Any, dict[str, Any]] = {}
    for event in events:
        kind = text(field(event, "type")) or ""
        if kind == "conversation.response.started":
            joined["conversation_id"] = field(event, "conversation_id")
        elif kind == "conversation.response.done":
            joined["usage"] = field(event, "usage")
        elif kind == "conversation.response.error":
            joined["error"] = event
        elif kind in _DELTAS:
            _add(entries, event, *_DELTAS[kind])
    joined["outputs"] = [_whole(entry) for entry in entries.values()]
    return joined


def _add(entries: dict[Any, dict[str, Any]], event: Any, kind: str, growing: str) -> None:
    entry = entries.setdefault((kind, field(event, "id")), {"type": kind, "growing": growing, "pieces": []})
    for name in ("id", "name", "tool_call_id", "model", "info"):
        if (value := field(event, name)) is not None:
            entry[name] = value
    if growing and (piece := field(event, growing)) is not None:
        entry["pieces"].append(piece)


def _whole(entry: dict[str, Any]) -> dict[str, Any]:
    """Join the pieces: text as one text, other chunks of content between them as they are."""
    pieces, growing = entry.pop("pieces"), entry.pop("growing") or "arguments"
    if all(isinstance(piece, str) for piece in pieces):
        return {**entry, growing: "".join(pieces)}
    chunks: list[Any] = []
    for piece in pieces:
        if isinstance(piece, str) and chunks and isinstance(chunks[-1], str):
            chunks[-1] += piece
        else:
            chunks.append(piece)
    return {**entry, growing: chunks}
