"""Every row of the SDKs that are installed: not all fit into one environment (see `tests/envs`)."""

from __future__ import annotations

import importlib

from scenarios import (
    anthropic,
    bedrock,
    before_stainless,
    cohere,
    google_genai,
    google_interactions,
    huggingface_hub,
    litellm,
    mistralai,
    mistralai_agents,
    mistralai_conversations,
    ollama,
    openai,
    stainless_copies,
)
from scenarios.row import Row


def leading() -> list[Row]:
    """The first row of each SDK: what follows from the engine and not from a reader, others need not prove again."""
    return [row for number, row in enumerate(ROWS) if row.sdk not in {other.sdk for other in ROWS[:number]}]


_ROWS: tuple[Row, ...] = (
    *openai.ROWS,
    *anthropic.ROWS,
    *(row for row in stainless_copies.ROWS if before_stainless.generated(row)),
    *(row for row in before_stainless.ROWS if not before_stainless.generated(row)),
    *cohere.ROWS,
    *ollama.ROWS,
    *mistralai.ROWS,
    *mistralai_agents.ROWS,
    *mistralai_conversations.ROWS,
    *google_genai.ROWS,
    *google_interactions.ROWS,
    *huggingface_hub.ROWS,
    *bedrock.ROWS,
    *litellm.ROWS,
)


def _installed(row: Row) -> bool:
    return bool(importlib.import_module(f"spanbook.{row.sdk}")._sdk.installed)


ROWS = tuple(row for row in _ROWS if _installed(row))
