"""Every row."""

from __future__ import annotations

from scenarios import openai
from scenarios.row import Row

ROWS: tuple[Row, ...] = (*openai.ROWS,)
