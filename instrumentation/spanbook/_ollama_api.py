"""Ollama's API: parameters sit in `options`, counts in the last line of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, parameters, tool_definitions
from ._content import Part, blob, plain, text_part
from ._fields import field, fields, integer, items, number, text, texts, true
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "model": (gen_ai.REQUEST_MODEL, text),
    "stream": (gen_ai.REQUEST_STREAM, true),
    "think": (gen_ai.REQUEST_REASONING_LEVEL, text),
    "format": (gen_ai.OUTPUT_TYPE, lambda value: "json" if value else None),
}
_OPTIONS: Mapping[str, tuple[str, Cast]] = {
    "num_predict": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "top_p": (gen_ai.REQUEST_TOP_P, number),
    "top_k": (gen_ai.REQUEST_TOP_K, integer),
    "stop": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "seed": (gen_ai.REQUEST_SEED, integer),
    "frequency_penalty": (gen_ai.REQUEST_FREQUENCY_PENALTY, number),
    "presence_penalty": (gen_ai.REQUEST_PRESENCE_PENALTY, number),
}
_PATH = 255  # an image given as a longer text is base64, a shorter one the path of a file


class Chat(Reader):
    """Reads `/api/chat`."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        return {**parameters(request, _PARAMETERS), **parameters(fields(request.get("options")), _OPTIONS)}

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: [_message(item) for item in items(request.get("messages"))],
            gen_ai.TOOL_DEFINITIONS: _tools(request.get("tools")),
        }

    def response(self, response: Any) -> Attributes:
        return _counts(response, "tool_calls" if field(field(response, "message"), "tool_calls") else None)

    def response_content(self, response: Any) -> Attributes:
        return _answer(response, _parts(field(response, "message")))

    def join(self, chunks: list[Any]) -> Any:
        said = [field(chunk, "message") for chunk in chunks]
        calls = [call for message in said for call in items(field(message, "tool_calls"))]
        joined = {name: _joined(said, name) for name in ("content", "thinking")}
        return {**fields(chunks[-1]), "message": {**joined, "tool_calls": calls}}


class Generate(Chat):
    """Reads `/api/generate`."""

    operation = gen_ai.TEXT_COMPLETION

    def request_content(self, request: Fields) -> Attributes:
        prompt, system = text(request.get("prompt")), text(request.get("system"))
        parts = [text_part(prompt)] if prompt else []
        parts += [_image(image) for image in items(request.get("images"))]
        return {
            gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": parts}] if parts else None,
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(system)] if system else None,
        }

    def response(self, response: Any) -> Attributes:
        return _counts(response, None)

    def response_content(self, response: Any) -> Attributes:
        return _answer(response, _parts({**fields(response), "content": field(response, "response")}))

    def join(self, chunks: list[Any]) -> Any:
        joined = {name: _joined(chunks, name) for name in ("response", "thinking")}
        return {**fields(chunks[-1]), **joined}


class Embed(Reader):
    """Reads `/api/embed`, and `/api/embeddings`, which was before it and embeds one text."""

    operation = gen_ai.EMBEDDINGS

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.REQUEST_MODEL: text(request.get("model")),
            gen_ai.EMBEDDINGS_DIMENSION_COUNT: integer(request.get("dimensions")),
        }

    def response(self, response: Any) -> Attributes:
        vectors = items(field(response, "embeddings")) or [field(response, "embedding")]
        return {
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.USAGE_INPUT_TOKENS: integer(field(response, "prompt_eval_count")),
            **({gen_ai.EMBEDDINGS_DIMENSION_COUNT: count} if (count := len(items(vectors[0]))) else {}),
        }


def _counts(response: Any, called: str | None) -> Attributes:
    reason = text(field(response, "done_reason"))
    if reason == "stop" and called:
        reason = called
    return {
        gen_ai.RESPONSE_MODEL: text(field(response, "model")),
        gen_ai.RESPONSE_FINISH_REASONS: [reason] if reason else None,
        gen_ai.USAGE_INPUT_TOKENS: integer(field(response, "prompt_eval_count")),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(response, "eval_count")),
    }


def _answer(response: Any, parts: list[Part]) -> Attributes:
    if not parts:
        return {}
    said: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reason := text(field(response, "done_reason")):
        called = any(part["type"] == "tool_call" for part in parts)
        said["finish_reason"] = "tool_calls" if called and reason == "stop" else reason
    return {gen_ai.OUTPUT_MESSAGES: [said]}


def _message(value: Any) -> dict[str, Any]:
    role = text(field(value, "role")) or "user"
    if role == "tool":
        part: Part = {"type": "tool_call_response", "response": field(value, "content")}
        if name := text(field(value, "tool_name")):
            part["id"] = name
        return {"role": role, "parts": [part]}
    return {"role": role, "parts": _parts(value)}


def _parts(said: Any) -> list[Part]:
    parts: list[Part] = []
    if thinking := text(field(said, "thinking")):
        parts.append({"type": "reasoning", "content": thinking})
    if content := text(field(said, "content")):
        parts.append(text_part(content))
    parts.extend(_image(image) for image in items(field(said, "images")))
    for call in items(field(said, "tool_calls")):
        function = field(call, "function")
        arguments = plain(field(function, "arguments"))
        parts.append({"type": "tool_call", "name": text(field(function, "name")) or "", "arguments": arguments})
    return parts


def _image(image: Any) -> Part:
    value = getattr(image, "value", image)
    if isinstance(value, str) and len(value) > _PATH:
        return blob("image", None, value)
    if isinstance(value, bytes | bytearray):
        return {"type": "blob", "modality": "image", "content": "", "byte_size": len(value)}
    return {"type": "uri", "modality": "image", "uri": str(value)}


def _tools(tools: Any) -> list[dict[str, Any]] | None:
    """A tool may be a plain function, which the SDK turns into a definition on its way out."""
    functions = [
        {"type": "function", "name": tool.__name__, "description": tool.__doc__ or ""}
        for tool in items(tools)
        if callable(tool)
    ]
    return functions + (tool_definitions([tool for tool in items(tools) if not callable(tool)]) or []) or None


def _joined(chunks: list[Any], name: str) -> str:
    return "".join(piece for chunk in chunks if isinstance(piece := field(chunk, name), str))
