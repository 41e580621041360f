"""Anthropic's messages: `input_tokens` leaves the cached tokens out, a stream counts in its first and last events."""

from __future__ import annotations

import json
import re
from typing import Any

from fakes.exchange import Asked, Body, Request, Stream, Wire, named_sse
from fakes.replies import Fault, Reply, pieces

REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def messages(request: Request, reply: Reply) -> Body | Stream:
    if request.json.get("stream"):
        return Stream(events(request, reply), named_sse)
    return Body(message(request, reply), headers=IDS)


def count_tokens(request: Request, reply: Reply) -> Body:
    return Body({"input_tokens": reply.usage.input if reply.usage else 0}, headers=IDS)


def message(request: Request, reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model or request.model,
        "content": _blocks(reply),
        "stop_reason": REASONS[reply.reason],
        "stop_sequence": None,
        "usage": _usage(reply),
    }


def events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    whole = message(request, reply)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], **FIRST}}
    told: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        told.append({"type": "content_block_start", "index": index, "content_block": _opening(block)})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in _deltas(block)]
        told.append({"type": "content_block_stop", "index": index})
    counted = {name: value for name, value in whole["usage"].items() if name.startswith("output_tokens")}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    return [*told, {"type": "message_delta", "delta": ending, "usage": counted}, {"type": "message_stop"}]


def error(fault: Fault) -> Body:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    value = {"type": kinds.get(fault.status, "api_error"), "message": fault.message}
    return Body({"type": "error", "error": value, "request_id": "req_1"}, headers=IDS)


def read(request: Request) -> Asked:
    last = (request.json.get("messages") or [{}])[-1]
    content = last.get("content") if isinstance(last, dict) else None
    blocks = content if isinstance(content, list) else []
    tools = request.json.get("tools") or ()
    return Asked(
        tools=tuple((tool.get("name", ""), tool.get("input_schema") or {}) for tool in tools),
        answered=any(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks),
    )


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.compacted:
        blocks.append({"type": "compaction", "content": "The weather was asked for."})
    if reply.thinking:
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": "c2ln"})
    if reply.text and not reply.tool_calls:
        blocks.append({"type": "text", "text": reply.text})
    for call in reply.tool_calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    return blocks


def _opening(block: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
        "compaction": {"content": ""},
    }
    return {**block, **empty[block["type"]]}


def _deltas(block: dict[str, Any]) -> list[dict[str, Any]]:
    if block["type"] == "text":
        return [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    if block["type"] == "thinking":
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
        return [*thoughts, {"type": "signature_delta", "signature": block["signature"]}]
    if block["type"] == "compaction":
        return [{"type": "compaction_delta", "content": block["content"]}]
    arguments = json.dumps(block["input"])
    half = len(arguments) // 2
    return [{"type": "input_json_delta", "partial_json": part} for part in ("", arguments[:half], arguments[half:])]


def _usage(reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    counted = reply.usage
    return {
        "input_tokens": counted.input - counted.cached - counted.cache_written,
        "output_tokens": counted.output,
        "cache_read_input_tokens": counted.cached,
        "cache_creation_input_tokens": counted.cache_written,
        "service_tier": "standard",
        "output_tokens_details": {"thinking_tokens": counted.reasoning},
    }


FIRST = {"output_tokens": 1, "output_tokens_details": {"thinking_tokens": 0}}
"""What a stream has counted when it begins."""

IDS = (("request-id", "req_1"),)
STREAM_ERROR = {"type": "error", "error": {"type": "overloaded_error", "message": "injected fault"}}

WIRES = (
    Wire("anthropic.count_tokens", re.compile(r"/v1/messages/count_tokens$"), count_tokens, error),
    Wire("anthropic.messages", re.compile(r"/v1/messages$"), messages, error, STREAM_ERROR, read),
    Wire(
        "anthropic.vertex",
        re.compile(r"/publishers/anthropic/models/[^/]+:(stream)?[rR]awPredict$"),
        messages,
        error,
        STREAM_ERROR,
        read,
    ),
)
