"""OpenAI's chat completions, and the many providers that speak them with an accent.

The first folder of the path names the accent: `/groq/…`, `/together/…`, `/fireworks/…`, `/mistral/…`; none is OpenAI.
They differ in where a stream carries its usage; Mistral never cuts a tool call into pieces.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Mapping
from typing import Any

from fakes.exchange import Asked, Body, Request, Stream, Wire, sse
from fakes.replies import Fault, Reply, Usage, pieces

CREATED = 1_764_000_000
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()


def chat(request: Request, reply: Reply) -> Body | Stream:
    if request.json.get("stream"):
        return Stream([*chunks(request, reply), "[DONE]"], sse)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": reply.text or None, **_tool_calls(reply), **_thinking(reply)},
        "finish_reason": reply.reason,
        "logprobs": None,
    }
    choices = [{**choice, "index": index} for index in range(request.json.get("n") or 1)]
    return Body(
        {**_head(request, reply), "object": "chat.completion", "choices": choices, **_usage_field(reply)}, headers=IDS
    )


def embeddings(request: Request, reply: Reply) -> Body:
    given = request.json.get("input", request.json.get("inputs", ""))
    count = len(given) if isinstance(given, list) and given and isinstance(given[0], (str, list)) else 1
    vector: Any = list(reply.vector)
    if request.json.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(reply.vector)}f", *reply.vector)).decode()
    usage = {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input} if reply.usage else None
    return Body(
        {
            "id": reply.id,
            "object": "list",
            "model": reply.model or request.model,
            "data": [{"object": "embedding", "index": index, "embedding": vector} for index in range(count)],
            "usage": usage,
        },
        headers=IDS,
    )


def completions(request: Request, reply: Reply) -> Body | Stream:
    """The legacy endpoint: a prompt, not messages."""
    head = {**_head(request, reply), "object": "text_completion"}

    def part(text: str, reason: str | None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "text": text, "finish_reason": reason, "logprobs": None}]}

    if not request.json.get("stream"):
        return Body({**part(reply.text, reply.reason), **_usage_field(reply)}, headers=IDS)
    events: list[Any] = [*(part(piece, None) for piece in reply.pieces), part("", reply.reason)]
    if request.path.split("/")[1] in USAGE_UNASKED:
        events[-1] |= _usage_field(reply)
    elif _wants_usage(request):
        events.append({**head, "choices": [], **_usage_field(reply)})
    return Stream([*events, "[DONE]"], sse)


def images(request: Request, reply: Reply) -> Body | Stream:
    usage = reply.usage and {
        "input_tokens": reply.usage.input,
        "output_tokens": reply.usage.output,
        "total_tokens": reply.usage.input + reply.usage.output,
        "input_tokens_details": {"text_tokens": reply.usage.input, "image_tokens": 0},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": reply.usage.output},
    }
    if request.json.get("stream"):
        edited = request.path.endswith("/edits")
        painted = {"b64_json": PIXEL, "output_format": "webp", "created_at": CREATED}
        kind = "image_edit" if edited else "image_generation"
        partial = {**painted, "type": f"{kind}.partial_image", "partial_image_index": 0}
        return Stream([partial, {**painted, "type": f"{kind}.completed", "usage": usage}], sse)
    count = request.json.get("n") or 1
    data: list[dict[str, Any]] = [{"b64_json": PIXEL, "revised_prompt": reply.text} for _ in range(count)]
    if "/together/" in request.path:
        data = [{"index": index, **image} for index, image in enumerate(data)]
    return Body({"created": CREATED, "data": data, "output_format": "png", "usage": usage}, headers=IDS)


def speech(request: Request, reply: Reply) -> Body:
    return Body(b"ID3" + reply.text.encode() * 64, content_type="audio/mpeg", headers=IDS)


def transcription(request: Request, reply: Reply) -> Body | Stream:
    usage = reply.usage and {
        "type": "tokens",
        "input_tokens": reply.usage.input,
        "output_tokens": reply.usage.output,
        "total_tokens": reply.usage.input + reply.usage.output,
    }
    if b'name="stream"\r\n\r\ntrue' in request.body:
        said = [{"type": "transcript.text.delta", "delta": piece} for piece in reply.pieces]
        return Stream([*said, {"type": "transcript.text.done", "text": reply.text, "usage": usage}], sse)
    return Body({"text": reply.text, "usage": usage}, headers=IDS)


def moderations(request: Request, reply: Reply) -> Body:
    result = {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}
    return Body({"id": reply.id, "model": reply.model or request.model, "results": [result]}, headers=IDS)


def error(fault: Fault) -> Body:
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
    value = {
        "message": fault.message,
        "type": kind.get(fault.status, "server_error"),
        "param": None,
        "code": str(fault.status),
    }
    return Body({"error": value}, headers=IDS)


def read(request: Request) -> Asked:
    functions = [tool.get("function", {}) for tool in request.json.get("tools") or ()]
    messages = request.json.get("messages") or [{}]
    wanted = (request.json.get("response_format") or {}).get("json_schema") or {}
    return Asked(
        tools=tuple((function.get("name", ""), function.get("parameters") or {}) for function in functions),
        answered=isinstance(messages[-1], dict) and messages[-1].get("role") == "tool",
        schema=wanted.get("schema"),
    )


def chunks(request: Request, reply: Reply) -> list[dict[str, Any]]:
    accent = request.path.split("/")[1]
    asked = accent not in USAGE_UNASKED and _wants_usage(request)
    head = {**_head(request, reply), "object": "chat.completion.chunk", **({"usage": None} if asked else {})}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}

    chunks = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"reasoning_content": piece}) for piece in pieces(reply.thinking)]
    chunks += [chunk({"content": piece}) for piece in reply.pieces if not reply.tool_calls]
    for index, call in enumerate(_tool_calls(reply).get("tool_calls", ())):
        if accent == "mistral":
            chunks.append(chunk({"tool_calls": [{**call, "index": index}]}))
            continue
        arguments = call["function"]["arguments"]
        named = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        chunks.append(chunk({"tool_calls": [named]}))
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            chunks.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
    last = chunk({}, reply.reason)
    if accent == "groq":
        last["x_groq"] = {"id": reply.id, **_usage_field(reply)}
    elif accent in USAGE_UNASKED:
        last |= _usage_field(reply)
    chunks.append(last)
    if asked:
        chunks.append({**head, "choices": [], **_usage_field(reply)})
    return chunks


def _head(request: Request, reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.id,
        "created": CREATED,
        "model": reply.model or request.model or "fake-model",  # an agent's, which nobody asked for
        "system_fingerprint": "fp_1",
        "service_tier": "default",
    }


def _wants_usage(request: Request) -> bool:
    return bool((request.json.get("stream_options") or {}).get("include_usage"))


def _usage_field(reply: Reply) -> dict[str, Any]:
    return {"usage": usage(reply.usage)} if reply.usage else {}


def usage(counted: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": counted.input,
        "completion_tokens": counted.output,
        "total_tokens": counted.input + counted.output,
        "prompt_tokens_details": {"cached_tokens": counted.cached, "audio_tokens": 0, **_read(counted)},
        "completion_tokens_details": {
            "reasoning_tokens": counted.reasoning,
            "audio_tokens": 0,
            **_by_modality(counted.output_by),
        },
    }


def _read(counted: Usage) -> dict[str, Any]:
    """What OpenAI's newer models tell besides."""
    if not counted.input_by:
        return {}
    return {**_by_modality(counted.input_by), "cache_write_tokens": counted.cache_written}


def _by_modality(counts: Mapping[str, int]) -> dict[str, int]:
    return {f"{modality}_tokens": count for modality, count in counts.items()}


def _tool_calls(reply: Reply) -> dict[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
        for call in reply.tool_calls
    ]
    return {"tool_calls": calls} if calls else {}


def _thinking(reply: Reply) -> dict[str, Any]:
    return {"reasoning_content": reply.thinking} if reply.thinking else {}


IDS = (("x-request-id", "req_1"), ("openai-processing-ms", "1"))
USAGE_UNASKED = ("groq", "together", "fireworks", "mistral", "huggingface")
"""Accents whose streams carry usage in the last chunk, asked or not."""

STREAM_ERROR = {"error": {"message": "injected fault", "type": "server_error", "param": None, "code": None}}


def _wire(name: str, path: str, render: Any, stream_error: Any = STREAM_ERROR) -> Wire:
    return Wire(f"openai.{name}", re.compile(path), render, error, stream_error, read)


WIRES = (
    _wire("chat", r"/(chat|fim|agents)/completions$", chat),
    _wire("completions", r"/completions$", completions),
    _wire("embeddings", r"/embeddings$", embeddings),
    _wire("images", r"/images/(generations|edits|variations)$", images),
    _wire("speech", r"/audio/speech$", speech),
    _wire("transcription", r"/audio/(transcriptions|translations)$", transcription),
    _wire("moderations", r"/moderations$", moderations),
)
