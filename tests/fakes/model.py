"""The model behind the fake server when no test has scripted one: it answers so that an agent's loop ends."""

from __future__ import annotations

import json
from typing import Any

from fakes.exchange import Asked
from fakes.replies import Reply, ToolCall


def answer(asked: Asked) -> Reply:
    """A call of every offered tool first; once a result came back, words."""
    if asked.schema is not None:
        return Reply(text=json.dumps(example(asked.schema)))
    if asked.tools and not asked.answered:
        calls = (
            ToolCall(name, example(schema), f"call_{number}") for number, (name, schema) in enumerate(asked.tools, 1)
        )
        return Reply(text="", tool_calls=tuple(calls))
    return Reply()


def example(schema: dict[str, Any]) -> Any:
    """A value that fits a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return example(schema[choice][0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: example(value) for name, value in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [example(schema.get("items") or {"type": "string"})]
    return {"string": "Paris", "integer": 2, "number": 2.5, "boolean": True}.get(kind)
