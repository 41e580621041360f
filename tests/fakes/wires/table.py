"""Every endpoint that the fake server speaks; the first whose path fits is asked."""

from __future__ import annotations

from fakes.exchange import Request, Wire
from fakes.wires import (
    anthropic,
    bedrock,
    cohere,
    google,
    google_interactions,
    huggingface,
    mistral,
    ollama,
    openai,
    openai_responses,
)

WIRES: tuple[Wire, ...] = (
    *bedrock.WIRES,
    *google.WIRES,
    *google_interactions.WIRES,
    *cohere.WIRES,
    *ollama.WIRES,
    *huggingface.WIRES,
    *anthropic.WIRES,
    *mistral.WIRES,
    *openai_responses.WIRES,
    *openai.WIRES,
)


def wire_of(request: Request) -> Wire | None:
    return next((wire for wire in WIRES if wire.path.search(request.path)), None)
