"""Ollama: one JSON value a line, streamed unless it is asked not to; the last line counts."""

from __future__ import annotations

import re
from typing import Any

from fakes.exchange import Asked, Body, Request, Stream, Wire, ndjson
from fakes.replies import Fault, Reply, pieces
from fakes.wires import openai

NDJSON = "application/x-ndjson"


def chat(request: Request, reply: Reply) -> Body | Stream:
    calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in reply.tool_calls]

    def said(text: str, thinking: str = "", called: bool = False) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        message |= {"thinking": thinking} if thinking else {}
        message |= {"tool_calls": calls} if called and calls else {}
        return {"message": message}

    if request.json.get("stream") is False:
        return Body({**_head(request, reply), **said(reply.text, reply.thinking, called=True), **_tail(reply)})
    lines = [said("", thought) for thought in pieces(reply.thinking)]
    lines += [said(piece) for piece in reply.pieces]
    lines += [said("", called=True)] if calls else []
    return _stream(request, reply, lines, said(""))


def generate(request: Request, reply: Reply) -> Body | Stream:
    if request.json.get("stream") is False:
        return Body({**_head(request, reply), "response": reply.text, **_tail(reply)})
    return _stream(request, reply, [{"response": piece} for piece in reply.pieces], {"response": ""})


def embed(request: Request, reply: Reply) -> Body:
    given = request.json.get("input")
    count = len(given) if isinstance(given, list) else 1
    value: dict[str, Any] = {"model": reply.model or request.model, "embeddings": [list(reply.vector)] * count}
    return Body(value | ({"prompt_eval_count": reply.usage.input} if reply.usage else {}))


def embeddings(request: Request, reply: Reply) -> Body:
    """The older endpoint: one prompt, no counts."""
    return Body({"embedding": list(reply.vector)})


def error(fault: Fault) -> Body:
    return Body({"error": fault.message})


def _stream(request: Request, reply: Reply, lines: list[dict[str, Any]], last: dict[str, Any]) -> Stream:
    head = _head(request, reply)
    events = [*({**head, **line, "done": False} for line in lines), {**head, **last, **_tail(reply)}]
    return Stream(events, ndjson, NDJSON)


def _head(request: Request, reply: Reply) -> dict[str, Any]:
    return {"model": reply.model or request.model, "created_at": "2026-01-01T00:00:00Z"}


def _tail(reply: Reply) -> dict[str, Any]:
    times = {"total_duration": 9, "load_duration": 1, "prompt_eval_duration": 3, "eval_duration": 5}
    counted = reply.usage
    counts = {"prompt_eval_count": counted.input, "eval_count": counted.output} if counted else {}
    return {"done": True, "done_reason": "length" if reply.reason == "length" else "stop", **times, **counts}


def read(request: Request) -> Asked:
    return openai.read(request)


STREAM_ERROR = {"error": "injected fault"}

WIRES = (
    Wire("ollama.chat", re.compile(r"/api/chat$"), chat, error, STREAM_ERROR, read),
    Wire("ollama.generate", re.compile(r"/api/generate$"), generate, error, STREAM_ERROR),
    Wire("ollama.embed", re.compile(r"/api/embed$"), embed, error),
    Wire("ollama.embeddings", re.compile(r"/api/embeddings$"), embeddings, error),
)
