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
