"""OpenAI's responses: a stream tells every part three times, and ends with the whole response."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from fakes.exchange import Asked, Body, Request, Stream, Wire, named_sse
from fakes.replies import Reply, Usage, pieces
from fakes.wires import openai

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def responses(request: Request, reply: Reply) -> Body | Stream:
    if request.json.get("stream"):
        return Stream(events(request, reply), named_sse)
    return Body(response(request, reply), headers=openai.IDS)


def fetch(request: Request, reply: Reply) -> Body | Stream:
    """`GET /responses/{id}`: the stored response."""
    stored = dataclasses.replace(reply, model=reply.model or "stored-model")
    if "stream=true" in request.target:
        return Stream(events(request, stored), named_sse)
    return Body(response(request, stored), headers=openai.IDS)


def response(request: Request, reply: Reply) -> dict[str, Any]:
    asked = request.json
    cut = INCOMPLETE.get(reply.reason)
    return {
        "id": reply.id,
        "object": "response",
        "created_at": openai.CREATED,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "error": None,
        "model": reply.model or request.model,
        "instructions": asked.get("instructions"),
        "output": _items(reply),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": asked.get("tools") or [],
        "temperature": asked.get("temperature", 1.0),
        "top_p": asked.get("top_p", 1.0),
        "max_output_tokens": asked.get("max_output_tokens"),
        "previous_response_id": asked.get("previous_response_id"),
        "reasoning": asked.get("reasoning"),
        "text": asked.get("text") or {"format": {"type": "text"}},
        "service_tier": "default",
        "conversation": {"id": asked["conversation"]} if isinstance(asked.get("conversation"), str) else None,
        "metadata": {},
        "usage": _usage(reply.usage),
    }


def events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    whole = response(request, reply)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    told: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(whole["output"]):
        opened = {**item, "status": "in_progress"} | ({"content": []} if item["type"] == "message" else {})
        told.append({"type": "response.output_item.added", "output_index": index, "item": opened})
        told += _parts(index, item)
        told.append({"type": "response.output_item.done", "output_index": index, "item": item})
    told.append({"type": f"response.{whole['status']}", "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(told)]


def read(request: Request) -> Asked:
    tools = [tool for tool in request.json.get("tools") or () if tool.get("type") == "function"]
    given = request.json.get("input")
    last = given[-1] if isinstance(given, list) and given else {}
    wanted = (request.json.get("text") or {}).get("format") or {}
    return Asked(
        tools=tuple((tool.get("name", ""), tool.get("parameters") or {}) for tool in tools),
        answered=isinstance(last, dict) and last.get("type") == "function_call_output",
        schema=wanted.get("schema") if wanted.get("type") == "json_schema" else None,
    )


def _items(reply: Reply) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.compacted:
        items.append({"id": "cmp_1", "type": "compaction", "encrypted_content": "c2Vu"})
    if reply.thinking:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        items.append({"id": "rs_1", "type": "reasoning", "summary": summary})
    if reply.text and not reply.tool_calls:
        content = [{"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}]
        items.append({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content})
    for number, call in enumerate(reply.tool_calls, 1):
        called = {"call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)}
        items.append({"id": f"fc_{number}", "type": "function_call", "status": "completed", **called})
    return items


def _parts(index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": index}
    if item["type"] == "function_call":
        arguments = item["arguments"]
        return [
            {"type": "response.function_call_arguments.delta", **place, "delta": arguments},
            {"type": "response.function_call_arguments.done", **place, "arguments": arguments, "name": item["name"]},
        ]
    if item["type"] in ("reasoning", "compaction"):
        return []
    place["content_index"] = 0
    part = item["content"][0]
    deltas = [
        {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
        for piece in pieces(part["text"])
    ]
    return [
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *deltas,
        {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
    ]


def _usage(counted: Usage | None) -> dict[str, Any] | None:
    if counted is None:
        return None
    return {
        "input_tokens": counted.input,
        "output_tokens": counted.output,
        "total_tokens": counted.input + counted.output,
        "input_tokens_details": {"cached_tokens": counted.cached, "cache_write_tokens": counted.cache_written},
        "output_tokens_details": {"reasoning_tokens": counted.reasoning},
    }


STREAM_ERROR = {
    "type": "error",
    "sequence_number": 0,
    "code": "server_error",
    "message": "injected fault",
    "param": None,
}

WIRES = (
    Wire("openai.responses", re.compile(r"/responses$"), responses, openai.error, STREAM_ERROR, read),
    Wire("openai.fetch_response", re.compile(r"/responses/[^/]+$"), fetch, openai.error, STREAM_ERROR),
)
