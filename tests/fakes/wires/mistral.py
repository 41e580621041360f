"""Mistral's conversations, which are no chat completions: entries that have an id, and a stream of named events."""

from __future__ import annotations

import json
import re
from typing import Any

from fakes.exchange import Body, Request, Stream, Wire, named_sse
from fakes.replies import Reply
from fakes.wires import openai

CONVERSATION = "conv_1"


def converse(request: Request, reply: Reply) -> Body | Stream:
    model = reply.model or request.model or "fake-model"
    calls = [
        {"type": "function.call", "id": f"call_{call.id}", "tool_call_id": call.id, "name": call.name}
        | {"arguments": json.dumps(call.arguments)}
        for call in reply.tool_calls
    ]
    if request.json.get("stream"):
        return Stream(_events(reply, calls, model), named_sse)
    content: Any = reply.text
    if reply.thinking:
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": reply.thinking}]}
        content = [thinking, {"type": "text", "text": reply.text}]
    said = {"type": "message.output", "id": "msg_1", "role": "assistant", "model": model, "content": content}
    outputs: list[Any] = calls or [said]
    return Body({"conversation_id": CONVERSATION, "outputs": outputs, "usage": _usage(reply)})


def _events(reply: Reply, calls: list[dict[str, Any]], model: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [{"type": "conversation.response.started", "conversation_id": CONVERSATION}]
    for call in calls:
        half = len(call["arguments"]) // 2
        for part in (call["arguments"][:half], call["arguments"][half:]):
            told.append({**call, "type": "function.call.delta", "arguments": part})
    if not calls:
        said = {"type": "message.output.delta", "id": "msg_1", "role": "assistant", "model": model}
        told += [{**said, "content": piece} for piece in reply.pieces]
    return [*told, {"type": "conversation.response.done", "usage": _usage(reply)}]


def _usage(reply: Reply) -> dict[str, Any]:
    counted = reply.usage
    if counted is None:
        return {}
    total = counted.input + counted.output
    return {"prompt_tokens": counted.input, "completion_tokens": counted.output, "total_tokens": total}


WIRES = (Wire("mistral.conversations", re.compile(r"/v1/conversations(/[^/]+(/restart)?)?$"), converse, openai.error),)
