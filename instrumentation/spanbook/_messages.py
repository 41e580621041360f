"""Anthropic's messages, which Bedrock and Vertex serve as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, output_type, parameters
from ._content import Part, blob, modality_of, parsed, plain, text_part
from ._fields import field, fields, integer, items, number, text, texts, true
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "model": (gen_ai.REQUEST_MODEL, text),
    "stream": (gen_ai.REQUEST_STREAM, true),
    "max_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "top_p": (gen_ai.REQUEST_TOP_P, number),
    "top_k": (gen_ai.REQUEST_TOP_K, integer),
    "stop_sequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "output_format": (gen_ai.OUTPUT_TYPE, lambda value: output_type(field(value, "type"))),
}
# In chat completions' words, so that one query serves all providers.
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "compaction": "compaction",
}
_STREAMED = ("text", "thinking", "partial_json", "content")  # what the deltas of a block may carry


class Messages(Reader):
    """Reads `/v1/messages`."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        found = parameters(request, _PARAMETERS)
        config = request.get("output_config")
        found[gen_ai.REQUEST_REASONING_LEVEL] = text(field(config, "effort"))
        if wanted := output_type(field(field(config, "format"), "type")):
            found[gen_ai.OUTPUT_TYPE] = wanted
        if any(_compacted(field(item, "content")) for item in items(request.get("messages"))):
            found[gen_ai.CONVERSATION_COMPACTED] = True
        return found

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: [message(item) for item in items(request.get("messages"))],
            gen_ai.SYSTEM_INSTRUCTIONS: parts_of(request.get("system")) or None,
            gen_ai.TOOL_DEFINITIONS: _tool_definitions(request.get("tools")),
        }

    def response(self, response: Any) -> Attributes:
        reason, wrong = text(field(response, "stop_reason")), field(response, "error")
        found = {
            gen_ai.RESPONSE_ID: text(field(response, "id")),
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.RESPONSE_FINISH_REASONS: [_REASONS.get(reason, reason)] if reason else None,
            **usage(field(response, "usage")),
            gen_ai.ERROR_TYPE: text(field(wrong, "type")),
            gen_ai.ERROR_MESSAGE: text(field(wrong, "message")),
        }
        if _compacted(field(response, "content")):
            found[gen_ai.CONVERSATION_COMPACTED] = True
        return found

    def response_content(self, response: Any) -> Attributes:
        parts = parts_of(field(response, "content"))
        if not parts:
            return {}
        said: dict[str, Any] = {"role": text(field(response, "role")) or "assistant", "parts": parts}
        if reason := text(field(response, "stop_reason")):
            said["finish_reason"] = _REASONS.get(reason, reason)
        return {gen_ai.OUTPUT_MESSAGES: [said]}

    def join(self, chunks: list[Any]) -> Any:
        return join(chunks)


def usage(used: Any) -> Attributes:
    """Read token counts. Anthropic counts cached tokens beside the input, the conventions within it."""
    read = integer(field(used, "cache_read_input_tokens"))
    written = integer(field(used, "cache_creation_input_tokens"))
    sent = integer(field(used, "input_tokens"))
    return {
        gen_ai.USAGE_INPUT_TOKENS: None if sent is None else sent + (read or 0) + (written or 0),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(used, "output_tokens")),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: read,
        gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS: written,
        gen_ai.USAGE_REASONING_OUTPUT_TOKENS: integer(field(field(used, "output_tokens_details"), "thinking_tokens")),
    }


def message(value: Any) -> dict[str, Any]:
    """Return one message of the history; a turn that only brings tool results is the tools'."""
    parts = parts_of(field(value, "content"))
    role = text(field(value, "role")) or "user"
    if parts and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    return {"role": role, "parts": parts}


def parts_of(content: Any) -> list[Part]:
    """Return the blocks of a message, of a system prompt or of a tool's result."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [_part(block) for block in items(content)]


def join(chunks: list[Any]) -> dict[str, Any]:
    """Put a streamed message together from its events."""
    joined: dict[str, Any] = {}
    used: dict[str, Any] = {}
    blocks: dict[int | None, dict[str, Any]] = {}
    for event in chunks:
        kind = field(event, "type")
        if kind == "content_block_delta":
            block = blocks.setdefault(integer(field(event, "index")), {})
            _add(block, fields(field(event, "delta")))
        elif kind == "content_block_start":
            blocks[integer(field(event, "index"))] = dict(fields(field(event, "content_block")))
        elif kind == "message_start":
            begun = fields(field(event, "message"))
            joined.update(begun)
            used.update(fields(begun.get("usage")))
        elif kind == "message_delta":
            joined.update(_given(field(event, "delta")))
            used.update(_given(field(event, "usage")))
        elif kind == "error":
            joined["error"] = field(event, "error")
    joined["usage"] = used
    joined["content"] = [_whole(block) for block in blocks.values()]
    return joined


def _compacted(content: Any) -> bool:
    """Tell whether one of the blocks stands for the conversation before it."""
    return any(field(block, "type") == "compaction" for block in items(content))


def _given(value: Any) -> dict[str, Any]:
    return {name: item for name, item in fields(value).items() if item is not None}


def _add(block: dict[str, Any], delta: Fields) -> None:
    for name in _STREAMED:
        if isinstance(piece := delta.get(name), str):
            block.setdefault(f"{name} pieces", []).append(piece)


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    for name in _STREAMED:
        if (pieces := block.pop(f"{name} pieces", None)) is not None:
            block[name] = (text(block.get(name)) or "") + "".join(pieces)
    if "partial_json" in block:
        block["input"] = parsed(block.pop("partial_json") or "{}")
    return block


def _part(block: Any) -> Part:
    kind = text(field(block, "type")) or "text"
    block_id = text(field(block, "id")) or text(field(block, "tool_use_id"))
    if isinstance(block, str) or kind == "text":
        return text_part(block if isinstance(block, str) else text(field(block, "text")) or "")
    if kind == "thinking":
        return {"type": "reasoning", "content": text(field(block, "thinking")) or ""}
    if kind == "tool_use":
        return _with_id({"type": "tool_call", "name": _name(block), "arguments": field(block, "input")}, block_id)
    if kind == "tool_result":
        content = field(block, "content")
        response = parsed(content) if isinstance(content, str) else parts_of(content)
        return _with_id({"type": "tool_call_response", "response": response}, block_id)
    if kind in ("image", "document"):
        return _source(kind, field(block, "source"))
    if kind in ("server_tool_use", "mcp_tool_use"):
        call = {"type": _name(block), "input": plain(field(block, "input"))}
        return _with_id({"type": "server_tool_call", "name": _name(block), "server_tool_call": call}, block_id)
    if kind.endswith("_tool_result"):
        result = {"type": kind.removesuffix("_tool_result"), "content": plain(field(block, "content"))}
        return _with_id({"type": "server_tool_call_response", "server_tool_call_response": result}, block_id)
    if kind == "compaction":
        return _with_id({"type": "compaction", "content": text(field(block, "content"))}, block_id)
    return {"type": kind}


def _name(block: Any) -> str:
    return text(field(block, "name")) or ""


def _with_id(part: Part, block_id: str | None) -> Part:
    return {**part, "id": block_id} if block_id else part


def _source(kind: str, source: Any) -> Part:
    mime_type = text(field(source, "media_type"))
    modality = kind if kind == "image" else modality_of(mime_type)
    if data := text(field(source, "data")):
        return text_part(data) if field(source, "type") == "text" else blob(modality, mime_type, data)
    if url := text(field(source, "url")):
        return {"type": "uri", "modality": modality, "uri": url}
    if file_id := text(field(source, "file_id")):
        return {"type": "file", "modality": modality, "file_id": file_id}
    return {"type": kind, "content": parts_of(field(source, "content"))}


def _tool_definitions(tools: Any) -> list[dict[str, Any]] | None:
    definitions = []
    for tool in items(tools):
        kind = text(field(tool, "type")) or "custom"
        definition: dict[str, Any] = {"type": "function" if kind == "custom" else kind, "name": _name(tool) or kind}
        if description := text(field(tool, "description")):
            definition["description"] = description
        if (schema := field(tool, "input_schema")) is not None:
            definition["parameters"] = schema
        definitions.append(definition)
    return definitions or None
