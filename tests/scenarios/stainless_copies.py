"""groq, together and fireworks: the SDKs that are OpenAI's with another name."""

from __future__ import annotations

import importlib
from typing import Any

from scenarios import openai_shaped as shape
from scenarios.row import Open, Row


def opener(module: str, name: str, path: str) -> Open:
    def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module(module), name)
        return client(base_url=f"{url}/{path}", api_key="k", max_retries=retries, timeout=timeout)

    return open_client


def row(module: str, name: str) -> Row:
    return Row(
        name=f"{module}.chat",
        sdk=module,
        provider=module,
        operation="chat",
        open=opener(module, name, module),
        open_async=opener(module, f"Async{name}", module),
        fields=shape.FIELDS,
        asked=shape.ASKED,
        answered=shape.answered,
        ways=shape.STAINLESS,
        stream=shape.stream,
        astream=shape.stream,
    )


ROWS = (row("groq", "Groq"), row("together", "Together"), row("fireworks", "Fireworks"))
