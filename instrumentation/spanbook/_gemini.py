"""Gemini's generateContent, as google-genai takes and gives it: models or dicts, strings where parts are meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, parameters
from ._content import Part, binary, blob, media, modality_of, plain, text_part
from ._fields import field, fields, integer, items, number, text, texts
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "top_p": (gen_ai.REQUEST_TOP_P, number),
    "top_k": (gen_ai.REQUEST_TOP_K, integer),
    "max_output_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "stop_sequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "seed": (gen_ai.REQUEST_SEED, integer),
    "frequency_penalty": (gen_ai.REQUEST_FREQUENCY_PENALTY, number),
    "presence_penalty": (gen_ai.REQUEST_PRESENCE_PENALTY, number),
    "candidate_count": (gen_ai.REQUEST_CHOICE_COUNT, lambda value: integer(value) if value != 1 else None),
    "response_mime_type": (gen_ai.OUTPUT_TYPE, lambda value: _output_type(value)),
    "thinking_config": (gen_ai.REQUEST_REASONING_LEVEL, lambda value: _word(_get(value, "thinking_level"))),
}
_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "MODEL_ARMOR",
        ),
        "content_filter",
    ),
}
MODALITIES = {
    "TEXT": (
        gen_ai.USAGE_TEXT_INPUT_TOKENS,
        gen_ai.USAGE_TEXT_OUTPUT_TOKENS,
        gen_ai.USAGE_TEXT_CACHE_READ_INPUT_TOKENS,
    ),
    "IMAGE": (
        gen_ai.USAGE_IMAGE_INPUT_TOKENS,
        gen_ai.USAGE_IMAGE_OUTPUT_TOKENS,
        gen_ai.USAGE_IMAGE_CACHE_READ_INPUT_TOKENS,
    ),
    "AUDIO": (
        gen_ai.USAGE_AUDIO_INPUT_TOKENS,
        gen_ai.USAGE_AUDIO_OUTPUT_TOKENS,
        gen_ai.USAGE_AUDIO_CACHE_READ_INPUT_TOKENS,
    ),
}
_PART = frozenset(
    {"text", "inline_data", "file_data", "function_call", "function_response", "executable_code"}
    | {"inlineData", "fileData", "functionCall", "functionResponse", "executableCode"}
)


class GenerateContent(Reader):
    """Reads `models/…:generateContent` and its stream."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        found = parameters(_snake(request.get("config")), _PARAMETERS)
        found[gen_ai.REQUEST_MODEL] = _model(request)
        return found

    def request_content(self, request: Fields) -> Attributes:
        config = request.get("config")
        return {
            gen_ai.INPUT_MESSAGES: _history(request.get("contents")) or None,
            gen_ai.SYSTEM_INSTRUCTIONS: _instructions(_get(config, "system_instruction")) or None,
            gen_ai.TOOL_DEFINITIONS: _tool_definitions(_get(config, "tools")),
        }

    def response(self, response: Any) -> Attributes:
        reasons = [_reason(candidate) for candidate in items(field(response, "candidates"))]
        return {
            gen_ai.RESPONSE_ID: text(field(response, "response_id")),
            gen_ai.RESPONSE_MODEL: text(field(response, "model_version")),
            gen_ai.RESPONSE_FINISH_REASONS: [reason or "error" for reason in reasons] if any(reasons) else None,
            **_usage(field(response, "usage_metadata")),
        }

    def response_content(self, response: Any) -> Attributes:
        messages = [_answer(candidate) for candidate in items(field(response, "candidates"))]
        return {gen_ai.OUTPUT_MESSAGES: [message for message in messages if message["parts"]] or None}

    def join(self, chunks: list[Any]) -> Any:
        return _join(chunks)


class Embeddings(Reader):
    """Reads `models/…:embedContent`; only Vertex counts tokens."""

    operation = gen_ai.EMBEDDINGS

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.REQUEST_MODEL: _model(request),
            gen_ai.EMBEDDINGS_DIMENSION_COUNT: integer(_get(request.get("config"), "output_dimensionality")),
        }

    def response(self, response: Any) -> Attributes:
        embeddings = items(field(response, "embeddings"))
        counts = [integer(field(field(embedding, "statistics"), "token_count")) for embedding in embeddings]
        counted = [count for count in counts if count is not None]
        found: Attributes = {gen_ai.USAGE_INPUT_TOKENS: sum(counted)} if counted else {}
        if embeddings and (size := len(items(field(embeddings[0], "values")))):
            found[gen_ai.EMBEDDINGS_DIMENSION_COUNT] = size
        return found


class Images(Reader):
    """Reads Imagen's `models/…:predict`."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        count = integer(_get(request.get("config"), "number_of_images"))
        return {
            gen_ai.REQUEST_MODEL: _model(request),
            gen_ai.OUTPUT_TYPE: "image",
            gen_ai.REQUEST_CHOICE_COUNT: count if count != 1 else None,
        }

    def request_content(self, request: Fields) -> Attributes:
        prompt = text(request.get("prompt"))
        return {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(prompt)]}] if prompt else None}

    def response_content(self, response: Any) -> Attributes:
        images = [field(image, "image") for image in items(field(response, "generated_images"))]
        parts = [
            binary("image", text(field(image, "mime_type")), data)
            for image in images
            if isinstance(data := field(image, "image_bytes"), bytes)
        ]
        return {gen_ai.OUTPUT_MESSAGES: [{"role": "assistant", "parts": parts}] if parts else None}


def _model(request: Fields) -> str | None:
    return text(request.get("model"))


def _get(value: Any, name: str) -> Any:
    """Return a field that dicts may spell in either case."""
    if isinstance(value, Mapping):
        return value.get(name, value.get(_camel(name)))
    return getattr(value, name, None)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _snake(config: Any) -> Fields:
    if isinstance(config, Mapping):
        return {name: value for name in _PARAMETERS if (value := _get(config, name)) is not None}
    return fields(config)


def _word(value: Any) -> str | None:
    """Return an enumeration's value in small letters."""
    told = getattr(value, "value", value)
    return told.lower() if isinstance(told, str) and told else None


def _output_type(mime_type: Any) -> str | None:
    return {"application/json": "json", "text/plain": "text", "text/x.enum": "text"}.get(mime_type)


def _usage(used: Any) -> Attributes:
    if used is None:
        return {}
    sent = _sum(field(used, "prompt_token_count"), field(used, "tool_use_prompt_token_count"))
    thought = integer(field(used, "thoughts_token_count"))
    found: Attributes = {
        gen_ai.USAGE_INPUT_TOKENS: sent,
        gen_ai.USAGE_OUTPUT_TOKENS: _sum(field(used, "candidates_token_count"), thought),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: integer(field(used, "cached_content_token_count")),
        gen_ai.USAGE_REASONING_OUTPUT_TOKENS: thought,
    }
    for way, name in enumerate(("prompt_tokens_details", "candidates_tokens_details", "cache_tokens_details")):
        for detail in items(field(used, name)):
            modality = field(detail, "modality")
            if counter := MODALITIES.get(getattr(modality, "value", modality)):
                found[counter[way]] = integer(field(detail, "token_count"))
    return found


def _sum(*counts: Any) -> int | None:
    told = [count for count in counts if isinstance(count, int)]
    return sum(told) if told else None


def _reason(candidate: Any) -> str | None:
    reason = field(candidate, "finish_reason")
    name = getattr(reason, "value", reason)
    if not isinstance(name, str):
        return None
    parts = items(field(field(candidate, "content"), "parts"))
    if name == "STOP" and any(field(part, "function_call") for part in parts):
        return "tool_calls"
    return _REASONS.get(name, name.lower())


def _answer(candidate: Any) -> dict[str, Any]:
    parts = [_part(part) for part in items(field(field(candidate, "content"), "parts"))]
    said: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reason := _reason(candidate):
        said["finish_reason"] = reason
    return said


def _history(contents: Any) -> list[dict[str, Any]]:
    """Return the messages of `contents`; parts that stand alone are the user's, neighbours one message."""
    messages: list[dict[str, Any]] = []
    loose: list[Part] = []
    for item in contents if isinstance(contents, list | tuple) else [contents]:
        if item is None:
            continue
        parts = None if isinstance(item, str) else _get(item, "parts")
        if parts is None and not (isinstance(item, list | tuple)):
            if not loose:
                loose = []
                messages.append({"role": "user", "parts": loose})
            loose.append(_part(item))
            continue
        loose = []
        if isinstance(item, list | tuple):
            messages.append({"role": "user", "parts": [_part(part) for part in item]})
        else:
            messages.append(_message(item, parts))
    return messages


def _message(content: Any, parts: Any) -> dict[str, Any]:
    told = [_part(part) for part in items(parts)]
    role = {"model": "assistant", "function": "tool"}.get(text(_get(content, "role")) or "user", "user")
    if told and all(part["type"] == "tool_call_response" for part in told):
        role = "tool"
    return {"role": role, "parts": told}


def _instructions(value: Any) -> list[Part]:
    given = _get(value, "parts") if _get(value, "parts") is not None else value
    return [_part(part) for part in (given if isinstance(given, list | tuple) else [given]) if part is not None]


def _part(part: Any) -> Part:
    if isinstance(part, str):
        return text_part(part)
    if (call := _get(part, "function_call")) is not None:
        told: Part = {
            "type": "tool_call",
            "name": text(_get(call, "name")) or "",
            "arguments": plain(_get(call, "args")),
        }
        return _with_id(told, call)
    if (result := _get(part, "function_response")) is not None:
        return _with_id({"type": "tool_call_response", "response": plain(_get(result, "response"))}, result)
    if (inline := _get(part, "inline_data")) is not None:
        return _inline(inline)
    if (file := _get(part, "file_data")) is not None:
        mime_type = text(_get(file, "mime_type"))
        named: Part = media(modality_of(mime_type), text(_get(file, "file_uri")) or "")
        return {**named, "mime_type": mime_type} if mime_type else named
    if (uri := text(_get(part, "uri"))) is not None:  # a file that was uploaded
        return media(modality_of(text(_get(part, "mime_type"))), uri)
    if (code := _get(part, "executable_code")) is not None:
        ran = {"type": "code_interpreter", "code": _get(code, "code")}
        return {"type": "server_tool_call", "name": "code_execution", "server_tool_call": ran}
    if (outcome := _get(part, "code_execution_result")) is not None:
        gave = {"type": "code_interpreter", "output": _get(outcome, "output")}
        return {"type": "server_tool_call_response", "server_tool_call_response": gave}
    content = text(_get(part, "text")) or ""
    return {"type": "reasoning", "content": content} if _get(part, "thought") is True else text_part(content)


def _inline(inline: Any) -> Part:
    mime_type, data = text(_get(inline, "mime_type")), _get(inline, "data")
    if isinstance(data, bytes):
        return binary(modality_of(mime_type), mime_type, data)
    return blob(modality_of(mime_type), mime_type, text(data) or "")


def _with_id(part: Part, value: Any) -> Part:
    found = text(_get(value, "id"))
    return {**part, "id": found} if found else part


def _tool_definitions(tools: Any) -> list[dict[str, Any]] | None:
    definitions: list[dict[str, Any]] = []
    for tool in items(tools):
        if callable(tool):
            name = getattr(tool, "__name__", type(tool).__name__)
            definitions.append({"type": "function", "name": name, "description": tool.__doc__ or ""})
            continue
        declared = items(_get(tool, "function_declarations"))
        definitions += [_declaration(function) for function in declared]
        if not declared:
            kinds = [name for name, value in fields(tool).items() if value is not None]
            definitions += [{"type": kind, "name": kind} for kind in kinds]
    return definitions or None


def _declaration(function: Any) -> dict[str, Any]:
    definition: dict[str, Any] = {"type": "function", "name": text(_get(function, "name")) or ""}
    if description := text(_get(function, "description")):
        definition["description"] = description
    schema = _get(function, "parameters_json_schema") or _get(function, "parameters")
    if schema is not None:
        dump = getattr(schema, "model_dump", None)
        definition["parameters"] = dump(mode="json", exclude_none=True) if dump else schema
    return definition


def _join(chunks: list[Any]) -> dict[str, Any]:
    """Put a streamed answer together. Counts are of the whole so far, so the last ones hold."""
    joined: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for name in ("response_id", "model_version", "usage_metadata"):
            if (value := field(chunk, name)) is not None:
                joined[name] = value
        for candidate in items(field(chunk, "candidates")):
            index = integer(field(candidate, "index")) or 0
            whole = candidates.setdefault(index, {"content": {"parts": []}, "finish_reason": None})
            if (reason := field(candidate, "finish_reason")) is not None:
                whole["finish_reason"] = reason
            for part in items(field(field(candidate, "content"), "parts")):
                _add_part(whole["content"]["parts"], part)
    for candidate in candidates.values():
        for part in candidate["content"]["parts"]:
            if isinstance(part, dict):
                part["text"] = "".join(part["text"])
    joined["candidates"] = [candidates[index] for index in sorted(candidates)]
    return joined


def _add_part(parts: list[Any], part: Any) -> None:
    """Texts of a kind that follow each other are one."""
    piece = field(part, "text")
    if not isinstance(piece, str):
        parts.append(part)
        return
    thought = field(part, "thought") is True
    if parts and isinstance(parts[-1], dict) and parts[-1]["thought"] == thought:
        parts[-1]["text"].append(piece)
    else:
        parts.append({"text": [piece], "thought": thought})
