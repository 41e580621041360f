"""Cohere's second API. What is billed counts; what the model consumed includes what Cohere added to the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, message, output_type, parameters, tool_call, tool_definitions
from ._content import Part, text_part
from ._fields import field, fields, integer, items, number, text, texts
from ._readers import Attributes, Fields, Reader

PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "model": (gen_ai.REQUEST_MODEL, text),
    "max_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "p": (gen_ai.REQUEST_TOP_P, number),
    "k": (gen_ai.REQUEST_TOP_K, integer),
    "stop_sequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "seed": (gen_ai.REQUEST_SEED, integer),
    "frequency_penalty": (gen_ai.REQUEST_FREQUENCY_PENALTY, number),
    "presence_penalty": (gen_ai.REQUEST_PRESENCE_PENALTY, number),
    "response_format": (gen_ai.OUTPUT_TYPE, lambda value: output_type(field(value, "type"))),
}
_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
    "TIMEOUT": "error",
}


class Chat(Reader):
    """Reads `/v2/chat`."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        return parameters(request, PARAMETERS)

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: [message(item) for item in items(request.get("messages"))],
            gen_ai.TOOL_DEFINITIONS: tool_definitions(request.get("tools")),
        }

    def response(self, response: Any) -> Attributes:
        response = told(response)
        reason = finish_reason(response)
        return {
            gen_ai.RESPONSE_ID: text(field(response, "id")),
            gen_ai.RESPONSE_FINISH_REASONS: [reason] if reason else None,
            **usage(field(response, "usage")),
        }

    def response_content(self, response: Any) -> Attributes:
        response = told(response)
        parts = _parts(field(response, "message"))
        if not parts:
            return {}
        said: dict[str, Any] = {"role": "assistant", "parts": parts}
        if reason := finish_reason(response):
            said["finish_reason"] = reason
        return {gen_ai.OUTPUT_MESSAGES: [said]}

    def join(self, chunks: list[Any]) -> Any:
        return _join(chunks)


class Embed(Reader):
    """Reads `/v2/embed`, and `/v1/embed`, whose vectors may come without the name of their kind."""

    operation = gen_ai.EMBEDDINGS

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.REQUEST_MODEL: text(request.get("model")),
            gen_ai.REQUEST_ENCODING_FORMATS: texts(request.get("embedding_types")),
            gen_ai.EMBEDDINGS_DIMENSION_COUNT: integer(request.get("output_dimension")),
        }

    def response(self, response: Any) -> Attributes:
        response = told(response)
        found = usage(field(response, "meta"))
        embeddings = field(response, "embeddings")
        vectors = items(embeddings) or items(field(embeddings, "float_"))
        if vectors and isinstance(vectors[0], list):
            found[gen_ai.EMBEDDINGS_DIMENSION_COUNT] = len(vectors[0])
        return {name: found.get(name) for name in (gen_ai.USAGE_INPUT_TOKENS, gen_ai.EMBEDDINGS_DIMENSION_COUNT)}


def told(response: Any) -> Any:
    """Return what came: a raw client's answer holds it beside the HTTP response."""
    return response if isinstance(response, dict) else getattr(response, "data", response)


def finish_reason(response: Any) -> str | None:
    """Say in OpenAI's words why an answer ended."""
    reason = text(field(response, "finish_reason"))
    return _REASONS.get(reason, reason) if reason else None


def usage(used: Any) -> Attributes:
    """Read what is billed."""
    billed = field(used, "billed_units") or field(used, "tokens")
    return {
        gen_ai.USAGE_INPUT_TOKENS: integer(field(billed, "input_tokens")),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(billed, "output_tokens")),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: integer(field(used, "cached_tokens")),
    }


def _parts(said: Any) -> list[Part]:
    parts: list[Part] = []
    if plan := text(field(said, "tool_plan")):
        parts.append({"type": "reasoning", "content": plan})
    for item in items(field(said, "content")):
        if thinking := text(field(item, "thinking")):
            parts.append({"type": "reasoning", "content": thinking})
        elif told := text(field(item, "text")):
            parts.append(text_part(told))
    parts.extend(tool_call(call) for call in items(field(said, "tool_calls")))
    return parts


def _join(chunks: list[Any]) -> dict[str, Any]:
    """Put a streamed answer together from its events."""
    joined: dict[str, Any] = {}
    plan: list[str] = []
    contents: dict[Any, dict[str, list[str]]] = {}
    calls: dict[Any, dict[str, Any]] = {}
    for event in chunks:
        kind, index, delta = field(event, "type"), field(event, "index"), field(event, "delta")
        told = field(delta, "message")
        if kind == "message-start":
            joined["id"] = field(event, "id")
        elif kind in ("content-start", "content-delta"):
            for name, piece in fields(field(told, "content")).items():
                if name in ("text", "thinking") and isinstance(piece, str):
                    contents.setdefault(index, {}).setdefault(name, []).append(piece)
        elif kind == "tool-plan-delta":
            plan.append(text(field(told, "tool_plan")) or "")
        elif kind in ("tool-call-start", "tool-call-delta"):
            _add_call(calls, index, field(told, "tool_calls"))
        elif kind == "message-end":
            joined["finish_reason"] = field(delta, "finish_reason")
            joined["usage"] = field(delta, "usage")
    joined["message"] = {
        "tool_plan": "".join(plan),
        "content": [{name: "".join(pieces) for name, pieces in content.items()} for content in contents.values()],
        "tool_calls": [
            {**call, "function": {"name": call["name"], "arguments": "".join(call["arguments"])}}
            for call in calls.values()
        ],
    }
    return joined


def _add_call(calls: dict[Any, dict[str, Any]], index: Any, told: Any) -> None:
    call = calls.setdefault(index, {"id": None, "name": "", "arguments": []})
    function = field(told, "function")
    call["id"] = call["id"] or field(told, "id")
    call["name"] = call["name"] or text(field(function, "name")) or ""
    call["arguments"].append(text(field(function, "arguments")) or "")
