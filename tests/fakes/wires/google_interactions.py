"""Google's interactions: steps with contents, a stream of events that begin, grow and end each step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from fakes.exchange import Body, Request, Stream, Wire, sse
from fakes.replies import Reply
from fakes.wires.google import error

STATUSES = {"stop": "completed", "length": "incomplete", "tool_calls": "requires_action", "content_filter": "failed"}


def interact(request: Request, reply: Reply) -> Body | Stream:
    return _told(reply, reply.model or request.model or "fake-model", streamed=bool(request.json.get("stream")))


def fetch(request: Request, reply: Reply) -> Body | Stream:
    """`GET /interactions/{id}`: the stored interaction."""
    return _told(reply, reply.model or "stored-model", streamed="stream=true" in request.target)


def _told(reply: Reply, model: str, *, streamed: bool) -> Body | Stream:
    whole = {
        "id": reply.id,
        "status": STATUSES[reply.reason],
        "model": model,
        **({"usage": _usage(reply)} if reply.usage else {}),
    }
    if streamed:
        return Stream([*_events(reply, whole), "[DONE]"], sse)
    return Body({**whole, "steps": _steps(reply)})


def _steps(reply: Reply) -> list[dict[str, Any]]:
    thoughts = [{"type": "text", "text": reply.thinking}]
    steps: list[dict[str, Any]] = [{"type": "thought", "summary": thoughts}] if reply.thinking else []
    if reply.text and not reply.tool_calls:
        steps.append({"type": "model_output", "content": [{"type": "text", "text": reply.text}]})
    called = ({"id": call.id, "name": call.name, "arguments": call.arguments} for call in reply.tool_calls)
    return [*steps, *({"type": "function_call", **call} for call in called)]


def _events(reply: Reply, whole: dict[str, Any]) -> list[dict[str, Any]]:
    begun = {name: value for name, value in whole.items() if name != "usage"} | {"status": "in_progress"}
    told: list[dict[str, Any]] = [{"event_type": "interaction.created", "interaction": begun}]
    for index, step in enumerate(_steps(reply)):
        kind = step["type"]
        if kind == "function_call":
            arguments = json.dumps(step["arguments"])
            half = len(arguments) // 2
            deltas: list[dict[str, Any]] = [
                {"type": "arguments_delta", "arguments": part} for part in (arguments[:half], arguments[half:])
            ]
            step = {**step, "arguments": {}}
        elif kind == "thought":
            deltas, step = [{"type": "thought_summary", "content": step["summary"][0]}], {"type": kind}
        else:
            deltas, step = [{"type": "text", "text": piece} for piece in reply.pieces], {"type": kind}
        told.append({"event_type": "step.start", "index": index, "step": step})
        told += [{"event_type": "step.delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"event_type": "step.stop", "index": index})
    return [*told, {"event_type": "interaction.completed", "interaction": whole}]


def _usage(reply: Reply) -> dict[str, Any]:
    counted = reply.usage
    if counted is None:
        return {}
    return {
        "total_input_tokens": counted.input,
        "total_output_tokens": counted.output - counted.reasoning,
        "total_thought_tokens": counted.reasoning,
        "total_cached_tokens": counted.cached,
        "total_tokens": counted.input + counted.output,
        "input_tokens_by_modality": _by(counted.input_by or {"text": counted.input}),
        "output_tokens_by_modality": _by(counted.output_by),
        "cached_tokens_by_modality": _by(counted.cached_by),
    }


def _by(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokens": count} for modality, count in counts.items()]


WIRES = (
    Wire("google.interactions", re.compile(r"/interactions$"), interact, error),
    Wire("google.fetch_interaction", re.compile(r"/interactions/[^/]+$"), fetch, error),
)
