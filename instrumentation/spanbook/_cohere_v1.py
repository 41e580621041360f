"""Cohere's first API: a message and its history apart, tools without ids, streams of JSON lines."""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import parameters
from ._cohere_v2 import PARAMETERS, finish_reason, told, usage
from ._content import Part, text_part
from ._fields import field, fields, integer, items, text
from ._readers import Attributes, Fields, Reader

_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}
_MORE_PARAMETERS = {
    **PARAMETERS,
    "conversation_id": (gen_ai.CONVERSATION_ID, text),
    "num_generations": (gen_ai.REQUEST_CHOICE_COUNT, lambda value: integer(value) if value != 1 else None),
}


class _Generation(Reader):
    """What both endpoints have in common."""

    def request(self, request: Fields) -> Attributes:
        return parameters(request, _MORE_PARAMETERS)


class Chat(_Generation):
    """Reads `/v1/chat`."""

    operation = gen_ai.CHAT

    def request_content(self, request: Fields) -> Attributes:
        preamble = text(request.get("preamble"))
        asked = text(request.get("message"))
        said = [*items(request.get("chat_history")), *([{"role": "USER", "message": asked}] if asked else [])]
        if results := items(request.get("tool_results")):
            said.append({"role": "TOOL", "tool_results": results})
        return {
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(preamble)] if preamble else None,
            gen_ai.INPUT_MESSAGES: [_message(item) for item in said] or None,
            gen_ai.TOOL_DEFINITIONS: [_definition(tool) for tool in items(request.get("tools"))] or None,
        }

    def response(self, response: Any) -> Attributes:
        response = told(response)
        reason = finish_reason(response)
        return {
            gen_ai.RESPONSE_ID: text(field(response, "response_id")) or text(field(response, "generation_id")),
            gen_ai.RESPONSE_FINISH_REASONS: [reason] if reason else None,
            **usage(field(response, "meta")),
        }

    def response_content(self, response: Any) -> Attributes:
        response = told(response)
        said = {"message": field(response, "text"), "tool_calls": field(response, "tool_calls")}
        parts = _parts(said)
        return {gen_ai.OUTPUT_MESSAGES: [_answer(parts, finish_reason(response))] if parts else None}

    def join(self, chunks: list[Any]) -> Any:
        if (ended := _end(chunks)) is not None:
            return {**fields(field(ended, "response")), "finish_reason": field(ended, "finish_reason")}
        said = [text(field(event, "text")) for event in chunks if field(event, "event_type") == "text-generation"]
        begun = next((value for event in chunks if (value := field(event, "generation_id"))), None)
        return {"text": "".join(piece for piece in said if piece), "generation_id": begun}


class Generate(_Generation):
    """Reads `/v1/generate`."""

    operation = gen_ai.TEXT_COMPLETION

    def request_content(self, request: Fields) -> Attributes:
        prompt = text(request.get("prompt"))
        return {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(prompt)]}] if prompt else None}

    def response(self, response: Any) -> Attributes:
        response = told(response)
        reasons = [reason for each in items(field(response, "generations")) if (reason := finish_reason(each))]
        return {
            gen_ai.RESPONSE_ID: text(field(response, "id")),
            gen_ai.RESPONSE_FINISH_REASONS: reasons or None,
            **usage(field(response, "meta")),
        }

    def response_content(self, response: Any) -> Attributes:
        generations = items(field(told(response), "generations"))
        said = [_answer([text_part(text(field(each, "text")) or "")], finish_reason(each)) for each in generations]
        return {gen_ai.OUTPUT_MESSAGES: said or None}

    def join(self, chunks: list[Any]) -> Any:
        if (ended := _end(chunks)) is not None:
            return field(ended, "response")
        said: dict[Any, list[str]] = {}
        for event in chunks:
            said.setdefault(field(event, "index"), []).append(text(field(event, "text")) or "")
        return {"generations": [{"text": "".join(pieces)} for pieces in said.values()]}


def _end(chunks: list[Any]) -> Any:
    """Return the event that repeats the whole answer, which a stream that was cut does not have."""
    return next((event for event in reversed(chunks) if field(event, "event_type") == "stream-end"), None)


def _answer(parts: list[Part], reason: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "parts": parts}
    return {**said, "finish_reason": reason} if reason else said


def _message(value: Any) -> dict[str, Any]:
    role = text(field(value, "role")) or "USER"
    return {"role": _ROLES.get(role, role.lower()), "parts": _parts(value)}


def _parts(value: Any) -> list[Part]:
    parts = [text_part(said)] if (said := text(field(value, "message"))) else []
    for call in items(field(value, "tool_calls")):
        parts.append({"type": "tool_call", **_called(call)})
    for result in items(field(value, "tool_results")):
        parts.append({"type": "tool_call_response", "response": field(result, "outputs")})
    return parts


def _called(call: Any) -> dict[str, Any]:
    return {"name": text(field(call, "name")) or "", "arguments": field(call, "parameters")}


def _definition(tool: Any) -> dict[str, Any]:
    """Return a tool as the conventions have it, its parameters as the JSON schema that they mean."""
    properties = {name: fields(value) for name, value in fields(field(tool, "parameter_definitions")).items()}
    described = {
        name: {key: each for key, each in value.items() if key != "required" and each is not None}
        for name, value in properties.items()
    }
    return {
        "type": "function",
        "name": text(field(tool, "name")) or "",
        "description": text(field(tool, "description")),
        "parameters": {
            "type": "object",
            "properties": described,
            "required": [name for name, value in properties.items() if value.get("required") is True],
        },
    }
