"""Cohere's two APIs: billed and consumed tokens apart; the second streams named events, the first lines of JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from fakes.exchange import Asked, Body, Request, Stream, Wire, named_sse, ndjson
from fakes.replies import Fault, Reply, ToolCall
from fakes.wires import openai

REASONS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR"}


def chat(request: Request, reply: Reply) -> Body | Stream:
    if request.json.get("stream"):
        return Stream(_events(reply), named_sse)
    message: dict[str, Any] = {"role": "assistant"}
    if reply.tool_calls:
        message |= {"tool_plan": "I will ask.", "tool_calls": [_tool_call(call) for call in reply.tool_calls]}
    else:
        thinking = [{"type": "thinking", "thinking": reply.thinking}] if reply.thinking else []
        message["content"] = [*thinking, {"type": "text", "text": reply.text}]
    return Body({"id": reply.id, "finish_reason": REASONS[reply.reason], "message": message, "usage": _usage(reply)})


def first_chat(request: Request, reply: Reply) -> Body | Stream:
    calls = [{"name": call.name, "parameters": call.arguments} for call in reply.tool_calls]
    answer: dict[str, Any] = {
        "text": "" if calls else reply.text,
        "generation_id": "generation_1",
        "response_id": reply.id,
        "finish_reason": REASONS[reply.reason].replace("TOOL_CALL", "COMPLETE"),
        **({"tool_calls": calls} if calls else {}),
        "meta": _meta(reply),
    }
    if not request.json.get("stream"):
        return Body(answer)
    told: list[dict[str, Any]] = [{"event_type": "stream-start", "generation_id": "generation_1"}]
    if calls:
        told.append({"event_type": "tool-calls-generation", "tool_calls": calls})
    else:
        told += [{"event_type": "text-generation", "text": piece} for piece in reply.pieces]
    return _lines(told, answer["finish_reason"], answer)


def generate(request: Request, reply: Reply) -> Body | Stream:
    count = request.json.get("num_generations") or 1
    said = [{"id": f"generation_{index}", "text": reply.text, "index": index} for index in range(count)]
    if not request.json.get("stream"):
        return Body({"id": reply.id, "prompt": request.json.get("prompt"), "generations": said, "meta": _meta(reply)})
    told = [
        {"event_type": "text-generation", "text": piece, "index": each["index"], "is_finished": False}
        for each in said
        for piece in reply.pieces
    ]
    reason = REASONS[reply.reason]
    answer = {"id": reply.id, "generations": [{**each, "finish_reason": reason} for each in said]}
    return _lines(told, reason, answer)


def first_embed(request: Request, reply: Reply) -> Body:
    texts = request.json.get("texts") or [""]
    value = {"id": reply.id, "embeddings": [list(reply.vector)] * len(texts), "texts": texts}
    return Body({**value, "response_type": "embeddings_floats", "meta": _meta(reply)})


def embed(request: Request, reply: Reply) -> Body:
    texts = request.json.get("texts") or [""]
    vectors: dict[str, Any] = {}
    for kind in request.json.get("embedding_types") or ["float"]:
        vectors[kind] = [list(reply.vector) if kind == "float" else [1, 2, 3]] * len(texts)
    billed = {"billed_units": {"input_tokens": reply.usage.input}} if reply.usage else {}
    meta = {"api_version": {"version": "2"}, **billed}
    value = {"id": reply.id, "embeddings": vectors, "texts": texts, "response_type": "embeddings_by_type"}
    return Body({**value, "meta": meta})


def rerank(request: Request, reply: Reply) -> Body:
    count = min(len(request.json.get("documents") or ()), request.json.get("top_n") or reply.documents)
    results = [{"index": index, "relevance_score": 0.9 - 0.1 * index} for index in range(count)]
    return Body({"id": reply.id, "results": results, "meta": {"billed_units": {"search_units": 1}}})


def error(fault: Fault) -> Body:
    return Body({"id": "err_1", "message": fault.message})


def _lines(events: list[dict[str, Any]], reason: str, answer: dict[str, Any]) -> Stream:
    end = {"event_type": "stream-end", "is_finished": True, "finish_reason": reason, "response": answer}
    return Stream([*events, end], ndjson, content_type="application/stream+json")


def _meta(reply: Reply) -> dict[str, Any]:
    return {"api_version": {"version": "1"}, **(_usage(reply) or {})}


def _events(reply: Reply) -> list[dict[str, Any]]:
    def event(kind: str, message: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
        return {"type": kind, **rest, **({"delta": {"message": message}} if message is not None else {})}

    told = [event("message-start", {"role": "assistant", "content": []}, id=reply.id)]
    if not reply.tool_calls:
        told.append(event("content-start", {"content": {"type": "text", "text": ""}}, index=0))
        told += [event("content-delta", {"content": {"text": piece}}, index=0) for piece in reply.pieces]
        told.append(event("content-end", index=0))
    for index, call in enumerate(reply.tool_calls):
        whole = _tool_call(call)
        arguments = whole["function"]["arguments"]
        named = {**whole, "function": {"name": call.name, "arguments": ""}}
        told.append(event("tool-call-start", {"tool_calls": named}, index=index))
        half = len(arguments) // 2
        for part in (arguments[:half], arguments[half:]):
            told.append(event("tool-call-delta", {"tool_calls": {"function": {"arguments": part}}}, index=index))
        told.append(event("tool-call-end", index=index))
    ending = {"finish_reason": REASONS[reply.reason], "usage": _usage(reply)}
    return [*told, {"type": "message-end", "id": reply.id, "delta": ending}]


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _usage(reply: Reply) -> dict[str, Any] | None:
    """The billed tokens are what Cohere counts; the consumed ones include what it added to the prompt."""
    counted = reply.usage
    if counted is None:
        return None
    return {
        "billed_units": {"input_tokens": counted.input, "output_tokens": counted.output},
        "tokens": {"input_tokens": counted.input + 60, "output_tokens": counted.output + 3},
        "cached_tokens": counted.cached,
    }


def read(request: Request) -> Asked:
    return openai.read(request)


WIRES = (
    Wire("cohere.chat", re.compile(r"/v2/chat$"), chat, error, None, read),
    Wire("cohere.embed", re.compile(r"/v2/embed$"), embed, error),
    Wire("cohere.rerank", re.compile(r"/v[12]/rerank$"), rerank, error),
    Wire("cohere.first_chat", re.compile(r"/v1/chat$"), first_chat, error),
    Wire("cohere.generate", re.compile(r"/v1/generate$"), generate, error),
    Wire("cohere.first_embed", re.compile(r"/v1/embed$"), first_embed, error),
)
