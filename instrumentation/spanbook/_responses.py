"""OpenAI's Responses API: items instead of messages, and a stream whose last event holds the whole response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from . import _background
from ._chat_completions import OPENAI_PARAMETERS, Cast, output_type, parameters, tool_definitions
from ._content import Part, blob, media, parsed, plain, text_part
from ._fields import field, integer, items, text
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    **OPENAI_PARAMETERS,
    "max_output_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "previous_response_id": (gen_ai.REQUEST_PREVIOUS_RESPONSE_ID, text),
    "conversation": (gen_ai.CONVERSATION_ID, lambda value: text(value) or text(field(value, "id"))),
    "reasoning": (gen_ai.REQUEST_REASONING_LEVEL, lambda value: text(field(value, "effort"))),
    "text": (gen_ai.OUTPUT_TYPE, lambda value: output_type(field(field(value, "format"), "type"))),
}
_INCOMPLETE = {"max_output_tokens": "length"}
_RESULTS = {"function_call_output", "custom_tool_call_output"}
_CALLS = {"function_call", "custom_tool_call"}


class Responses(Reader):
    """Reads `/responses`."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        found = parameters(request, _PARAMETERS)
        found[gen_ai.OPENAI_API_TYPE] = "responses"
        if _compacted(request.get("input")):
            found[gen_ai.CONVERSATION_COMPACTED] = True
        return found

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: _history(request.get("input")),
            gen_ai.SYSTEM_INSTRUCTIONS: instructions(request.get("instructions")),
            gen_ai.TOOL_DEFINITIONS: tool_definitions(request.get("tools")),
        }

    def response(self, response: Any) -> Attributes:
        error = field(response, "error")
        response_id = text(field(response, "id"))
        _background.begun(response_id, text(field(response, "status")))
        found = {
            gen_ai.RESPONSE_ID: response_id,
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.RESPONSE_FINISH_REASONS: finish_reasons(response),
            gen_ai.CONVERSATION_ID: text(field(field(response, "conversation"), "id")),
            gen_ai.OPENAI_RESPONSE_SERVICE_TIER: text(field(response, "service_tier")),
            **_usage(field(response, "usage")),
            gen_ai.ERROR_TYPE: text(field(error, "code")),
            gen_ai.ERROR_MESSAGE: text(field(error, "message")),
        }
        if _compacted(field(response, "output")):
            found[gen_ai.CONVERSATION_COMPACTED] = True
        return found

    def response_content(self, response: Any) -> Attributes:
        return {gen_ai.OUTPUT_MESSAGES: output_messages(response)}

    def join(self, chunks: list[Any]) -> Any:
        for event in reversed(chunks):
            if field(event, "type") in ("response.completed", "response.incomplete", "response.failed"):
                return field(event, "response")
        return _partial(chunks)


class FetchedResponse(Reader):
    """Reads `GET /responses/{id}`, which costs no tokens; what went on in the background is counted by it, once."""

    operation = gen_ai.FETCH_RESPONSE

    def request(self, request: Fields) -> Attributes:
        cursor = integer(request.get("starting_after"))
        return {
            gen_ai.RESPONSE_ID: request["path"].rpartition("/")[2],
            gen_ai.REQUEST_STREAM_CURSOR: None if cursor is None else str(cursor),
            gen_ai.OPENAI_API_TYPE: "responses",
        }

    def response(self, response: Any) -> Attributes:
        status = text(field(response, "status"))
        return {
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.RESPONSE_STATUS: status,
            gen_ai.RESPONSE_FINISH_REASONS: finish_reasons(response),
            gen_ai.OPENAI_RESPONSE_SERVICE_TIER: text(field(response, "service_tier")),
            **_background.counted(text(field(response, "id")), status, _usage(field(response, "usage"))),
        }

    def response_content(self, response: Any) -> Attributes:
        return {
            gen_ai.SYSTEM_INSTRUCTIONS: instructions(field(response, "instructions")),
            gen_ai.OUTPUT_MESSAGES: output_messages(response),
            gen_ai.TOOL_DEFINITIONS: tool_definitions(field(response, "tools")),
        }

    def join(self, chunks: list[Any]) -> Any:
        return Responses().join(chunks)


def _usage(used: Any) -> Attributes:
    read, written = field(used, "input_tokens_details"), field(used, "output_tokens_details")
    found = {
        gen_ai.USAGE_INPUT_TOKENS: integer(field(used, "input_tokens")),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(used, "output_tokens")),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: integer(field(read, "cached_tokens")),
        gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS: integer(field(read, "cache_write_tokens")),
        gen_ai.USAGE_REASONING_OUTPUT_TOKENS: integer(field(written, "reasoning_tokens")),
    }
    return {name: count for name, count in found.items() if count is not None}


def finish_reasons(response: Any) -> list[str] | None:
    """Say in chat completions' words why a response ended; None while it is under way."""
    status = text(field(response, "status"))
    if status == "completed":
        called = any(text(field(item, "type")) in _CALLS for item in items(field(response, "output")))
        return ["tool_calls" if called else "stop"]
    if status == "incomplete":
        reason = text(field(field(response, "incomplete_details"), "reason"))
        return [_INCOMPLETE.get(reason or "", reason or "length")]
    return ["error"] if status in ("failed", "cancelled") else None


def instructions(value: Any) -> list[Part] | None:
    """Return instructions given beside the history: a text, or items of text."""
    if isinstance(value, str):
        return [text_part(value)] if value else None
    parts = [part for item in items(value) for part in _content(field(item, "content")) if part["type"] == "text"]
    return parts or None


def output_messages(response: Any) -> list[dict[str, Any]] | None:
    """Return all that a response holds as the one message it is."""
    parts = [part for item in items(field(response, "output")) for part in _item(item)]
    if not parts:
        return None
    message: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reasons := finish_reasons(response):
        message["finish_reason"] = reasons[0]
    return [message]


def _history(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, str):
        return [{"role": "user", "parts": [text_part(value)]}]
    return [{"role": _role(item), "parts": _item(item)} for item in items(value)] or None


def _compacted(given: Any) -> bool:
    """Tell whether one of the items stands for the conversation before it."""
    return any(field(item, "type") == "compaction" for item in items(given))


def _role(item: Any) -> str:
    if role := text(field(item, "role")):
        return role
    return "tool" if str(field(item, "type")).endswith("_output") else "assistant"


def _item(item: Any) -> list[Part]:
    """Return the parts of one item of input or output."""
    kind = text(field(item, "type")) or "message"
    if kind == "message":
        return _content(field(item, "content"))
    if kind == "reasoning":
        thoughts = (*items(field(item, "summary")), *items(field(item, "content")))
        return [
            {"type": "reasoning", "content": said} for thought in thoughts if (said := text(field(thought, "text")))
        ]
    call_id = text(field(item, "call_id")) or text(field(item, "id"))
    if kind in _CALLS:
        arguments = field(item, "arguments") if kind == "function_call" else field(item, "input")
        call = {"type": "tool_call", "name": text(field(item, "name")) or "", "arguments": parsed(arguments)}
        return [{**call, "id": call_id} if call_id else call]
    if kind in _RESULTS:
        output = field(item, "output")
        response = parsed(output) if isinstance(output, str) else _content(output)
        result: Part = {"type": "tool_call_response", "response": response}
        return [{**result, "id": call_id} if call_id else result]
    return [_server_tool(kind, item, call_id)]


def _server_tool(kind: str, item: Any, call_id: str | None) -> Part:
    """Return what a tool of the provider's own did, as far as it is told."""
    if kind == "image_generation_call":
        return blob("image", f"image/{text(field(item, 'output_format')) or 'png'}", text(field(item, "result")) or "")
    if not kind.endswith("_call"):
        return {"type": kind, **({"id": call_id} if call_id else {})}
    call = {name: value for name, value in plain(item).items() if value is not None and name != "id"}
    part = {"type": "server_tool_call", "name": kind.removesuffix("_call"), "server_tool_call": {**call, "type": kind}}
    return {**part, "id": call_id} if call_id else part


def _content(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [_part(item) for item in items(content)]


def _part(item: Any) -> Part:
    kind = text(field(item, "type")) or "unknown"
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return text_part(text(field(item, "text")) or "")
    if kind == "refusal":
        return {"type": "refusal", "content": text(field(item, "refusal")) or ""}
    modality = "image" if kind == "input_image" else "document"
    if file_id := text(field(item, "file_id")):
        return {"type": "file", "modality": modality, "file_id": file_id}
    for name in ("image_url", "file_url", "file_data"):
        if url := text(field(item, name)):
            return media(modality, url)
    if audio := field(item, "input_audio"):
        return blob("audio", f"audio/{text(field(audio, 'format')) or 'wav'}", text(field(audio, "data")) or "")
    return {"type": kind}


def _partial(events: list[Any]) -> dict[str, Any]:
    """Put together what a stream told before it was cut: finished items, and the beginnings of others."""
    known: Any = None
    done: dict[int | None, Any] = {}
    said: dict[int | None, list[str]] = {}
    for event in events:
        kind, index = field(event, "type"), integer(field(event, "output_index"))
        if kind in ("response.created", "response.in_progress"):
            known = field(event, "response")
        elif kind == "response.output_item.done":
            done[index] = field(event, "item")
        elif kind == "response.output_text.delta":
            said.setdefault(index, []).append(text(field(event, "delta")) or "")
        elif kind == "error":
            known = {"id": field(known, "id"), "model": field(known, "model"), "error": event}
    begun = {index: {"type": "message", "content": "".join(words)} for index, words in said.items()}
    output = list({**begun, **done}.values())
    kept = ("id", "model", "error", "service_tier", "status")
    return {name: field(known, name) for name in kept} | {"output": output}
