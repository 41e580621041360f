"""Every row."""

from __future__ import annotations

from scenarios import (
    anthropic,
    bedrock,
    cohere,
    google_genai,
    huggingface_hub,
    mistralai,
    ollama,
    openai,
    stainless_copies,
)
from scenarios.row import Row


def leading() -> list[Row]:
    """The first row of each SDK: what follows from the engine and not from a reader, others need not prove again."""
    return [row for number, row in enumerate(ROWS) if row.sdk not in {other.sdk for other in ROWS[:number]}]


ROWS: tuple[Row, ...] = (
    *openai.ROWS,
    *anthropic.ROWS,
    *stainless_copies.ROWS,
    *cohere.ROWS,
    *ollama.ROWS,
    *mistralai.ROWS,
    *google_genai.ROWS,
    *huggingface_hub.ROWS,
    *bedrock.ROWS,
)
