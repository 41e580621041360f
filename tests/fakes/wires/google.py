"""Google's generateContent, on AI Studio's paths and on Vertex's: every chunk of a stream counts anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fakes.exchange import Asked, Body, Request, Stream, Wire, sse
from fakes.replies import Fault, Reply

REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
PIXEL = "iVBORw0KGgo="
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def generate(request: Request, reply: Reply) -> Body:
    return Body(_response(request, reply, _parts(reply), last=True))


def stream(request: Request, reply: Reply) -> Stream:
    parts: list[dict[str, Any]] = []
    for part in _parts(reply):
        if "text" in part and not part.get("thought"):
            parts += [{"text": piece} for piece in reply.pieces]
        else:
            parts.append(part)
    last = len(parts) - 1
    return Stream([_response(request, reply, [part], last=at == last) for at, part in enumerate(parts)], sse)


def embed(request: Request, reply: Reply) -> Body:
    asked = request.json.get("requests") or [request.json]
    values = {"values": list(reply.vector)}
    return Body({"embedding": values, "embeddings": [values] * len(asked)})


def predict(request: Request, reply: Reply) -> Body:
    """Vertex: embeddings and images are predictions."""
    instances = request.json.get("instances") or [{}]
    if "content" in instances[0]:
        counted = {"token_count": reply.usage.input if reply.usage else 0, "truncated": False}
        embedding = {"values": list(reply.vector), "statistics": counted}
        return Body({"predictions": [{"embeddings": embedding}] * len(instances)})
    count = (request.json.get("parameters") or {}).get("sampleCount") or 1
    return Body({"predictions": [{"bytesBase64Encoded": PIXEL, "mimeType": "image/png"}] * count})


def count_tokens(request: Request, reply: Reply) -> Body:
    return Body({"totalTokens": reply.usage.input if reply.usage else 0})


def error(fault: Fault) -> Body:
    status = STATUSES.get(fault.status, "INTERNAL")
    return Body({"error": {"code": fault.status, "message": fault.message, "status": status}})


def read(request: Request) -> Asked:
    tools = [
        function
        for tool in request.json.get("tools") or ()
        for function in tool.get("functionDeclarations") or tool.get("function_declarations") or ()
    ]
    last = (request.json.get("contents") or [{}])[-1]
    config = request.json.get("generationConfig") or {}
    schemas = ("parametersJsonSchema", "parameters_json_schema", "parameters")  # the API takes both spellings
    return Asked(
        tools=tuple(
            (tool.get("name", ""), _json_schema(next((tool[key] for key in schemas if tool.get(key)), {})))
            for tool in tools
        ),
        answered=any("functionResponse" in part for part in last.get("parts") or ()),
        schema=config.get("responseJsonSchema")
        or (_json_schema(config["responseSchema"]) if config.get("responseSchema") else None),
    )


def _response(request: Request, reply: Reply, parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if last:
        candidate["finishReason"] = REASONS[reply.reason]
    whole = {
        "candidates": [candidate],
        "modelVersion": reply.model or request.model,
        "responseId": reply.id,
    }
    return whole | ({"usageMetadata": _usage(reply)} if reply.usage else {})


def _parts(reply: Reply) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
    if reply.text and not reply.tool_calls:
        parts.append({"text": reply.text})
    return parts + [
        {"functionCall": {"name": call.name, "args": call.arguments, "id": call.id}} for call in reply.tool_calls
    ]


def _usage(reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    counted = reply.usage
    return {
        "promptTokenCount": counted.input,
        "candidatesTokenCount": counted.output - counted.reasoning,
        "thoughtsTokenCount": counted.reasoning,
        "cachedContentTokenCount": counted.cached,
        "totalTokenCount": counted.input + counted.output,
        "promptTokensDetails": _details(counted.input_by or {"text": counted.input}),
        **({"candidatesTokensDetails": _details(counted.output_by)} if counted.output_by else {}),
        **({"cacheTokensDetails": _details(counted.cached_by)} if counted.cached_by else {}),
    }


def _details(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"modality": modality.upper(), "tokenCount": count} for modality, count in counts.items()]


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Google writes types in capitals."""
    written = {**schema, "type": str(schema.get("type", "object")).lower()}
    if "properties" in schema:
        written["properties"] = {name: _json_schema(value) for name, value in schema["properties"].items()}
    if "items" in schema:
        written["items"] = _json_schema(schema["items"])
    return written


STREAM_ERROR = {"error": {"code": 503, "message": "injected fault", "status": "UNAVAILABLE"}}

WIRES = (
    Wire("google.generate", re.compile(r"/models/[^/]+:generateContent$"), generate, error, read=read),
    Wire("google.stream", re.compile(r"/models/[^/]+:streamGenerateContent$"), stream, error, STREAM_ERROR, read),
    Wire("google.embed", re.compile(r"/models/[^/]+:(embedContent|batchEmbedContents)$"), embed, error),
    Wire("google.predict", re.compile(r"/models/[^/]+:predict$"), predict, error),
    Wire("google.count", re.compile(r"/models/[^/]+:countTokens$"), count_tokens, error),
)
