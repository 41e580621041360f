"""Hugging Face's inference tasks; its chat is OpenAI's, under `/huggingface`."""

from __future__ import annotations

import base64
import re
from typing import Any

from fakes.exchange import Body, Request, Stream, Wire, sse
from fakes.replies import Fault, Reply

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
"""An image of one."""


def task(request: Request, reply: Reply) -> Body | Stream:
    """The model's own page answers every task: what is asked for shows in the body."""
    parameters = request.json.get("parameters") or {}
    if "max_new_tokens" in parameters or "details" in parameters or request.json.get("stream"):
        return generation(request, reply)
    if "num_inference_steps" in parameters:
        return Body(PIXEL, "image/png")
    given = request.json.get("inputs")
    count = len(given) if isinstance(given, list) else 1
    return Body([list(reply.vector)] * count)


def generation(request: Request, reply: Reply) -> Body | Stream:
    details: dict[str, Any] = {
        "finish_reason": "length" if reply.reason == "length" else "eos_token",
        "generated_tokens": reply.usage.output if reply.usage else 0,
        "seed": None,
        "prefill": [],
        "tokens": [],
    }
    if not request.json.get("stream"):
        return Body({"generated_text": reply.text, "details": details})
    words = reply.pieces
    events: list[dict[str, Any]] = [
        {
            "index": at,
            "token": {"id": at, "text": word, "logprob": -0.1, "special": False},
            "generated_text": reply.text if at == len(words) - 1 else None,
            "details": details if at == len(words) - 1 else None,
        }
        for at, word in enumerate(words)
    ]
    return Stream(events, sse)


def error(fault: Fault) -> Body:
    return Body({"error": fault.message}, headers=(("x-request-id", "req_1"),))


STREAM_ERROR = {"error": "injected fault", "error_type": "generation"}

WIRES = (
    Wire("huggingface.features", re.compile(r"/huggingface/.*feature-extraction$"), task, error),
    Wire("huggingface.task", re.compile(r"^/huggingface(/(?!v1/)[^:]*)?$"), task, error, STREAM_ERROR),
)
