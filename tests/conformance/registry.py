"""The conventions as data: which span a set of attributes should be, and what it should carry.

Refinements of a provider (OpenAI, Anthropic, Bedrock, Azure) are laid over the general definition that they refine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

INFERENCE = ("chat", "generate_content", "text_completion")
MEMORY = ("create_memory_store", "delete_memory_store", "create_memory", "update_memory", "upsert_memory")
DEFINITIONS = {
    **dict.fromkeys(INFERENCE, "gen_ai.client.inference"),
    **dict.fromkeys((*MEMORY, "search_memory", "delete_memory"), "gen_ai.memory.client"),
    "embeddings": "gen_ai.embeddings.client",
    "retrieval": "gen_ai.retrieval.client",
    "fetch_response": "gen_ai.fetch_response.client",
    "create_agent": "gen_ai.create_agent.client",
    "invoke_agent": "gen_ai.invoke_agent.internal",
    "invoke_workflow": "gen_ai.invoke_agent.internal",
    "execute_tool": "gen_ai.execute_tool",
    "plan": "gen_ai.plan.internal",
}
REFINEMENTS = {
    ("gen_ai.client.inference", "openai"): "openai.gen_ai.client.inference",
    ("gen_ai.client.inference", "anthropic"): "anthropic.gen_ai.client.inference",
    ("gen_ai.client.inference", "aws.bedrock"): "aws.bedrock.gen_ai.client.inference",
    ("gen_ai.client.inference", "azure.ai.openai"): "azure.ai.gen_ai.client.inference",
    ("gen_ai.client.inference", "azure.ai.inference"): "azure.ai.gen_ai.client.inference",
    ("gen_ai.fetch_response.client", "openai"): "openai.fetch_response.client",
}


@dataclass(frozen=True)
class Rule:
    """What the conventions say of one attribute in one place."""

    type: str
    level: str
    condition: str | None
    sampling: bool


@dataclass(frozen=True)
class Definition:
    """A kind of span, event or metric."""

    name: str
    kind: str
    attributes: Mapping[str, Rule]

    def level(self, level: str) -> frozenset[str]:
        return frozenset(name for name, rule in self.attributes.items() if rule.level == level)


@cache
def registry() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((DATA / "registry.json").read_text())
    return value


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a content attribute: `gen_ai.input.messages` -> `gen-ai-input-messages.json`."""
    value: dict[str, Any] = json.loads((DATA / "schemas" / schema_file(name)).read_text())
    return value


def schema_file(attribute: str) -> str:
    return attribute.replace("gen_ai", "gen-ai").replace(".", "-").replace("_", "-") + ".json"


@cache
def has_schema(attribute: str) -> bool:
    return (DATA / "schemas" / schema_file(attribute)).exists()


def known(attribute: str) -> bool:
    return attribute in registry()["attributes"] or attribute.startswith("gen_ai.prompt.variable.")


def values(attribute: str) -> list[str] | None:
    """The values that the conventions predefine for an enumeration."""
    found: list[str] | None = registry()["attributes"].get(attribute, {}).get("values")
    return found


@cache
def span_definition(operation: str, provider: str | None, kind: str) -> Definition | None:
    """The definition of a span with this operation, by this provider."""
    name = DEFINITIONS.get(operation)
    if name == "gen_ai.invoke_agent.internal" and kind == "client":
        name = "gen_ai.invoke_agent.client"
    return _span(REFINEMENTS.get((name, provider or ""), name)) if name else None


@cache
def mcp_definition(kind: str) -> Definition:
    return _span("mcp.server" if kind == "server" else "mcp.client")


@cache
def event_definition(name: str) -> Definition | None:
    found = registry()["events"].get(name)
    return found and Definition(name, "", rules(found["attributes"]))


@cache
def metric_definition(name: str) -> Definition:
    """The attributes of a metric that `metric` knows."""
    return Definition(name, "", rules(registry()["metrics"][name]["attributes"]))


def metric(name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = registry()["metrics"].get(name)
    return found


def _span(name: str) -> Definition:
    found = registry()["spans"][name]
    base = registry()["spans"].get(found.get("refines"), {})
    told = {**base.get("attributes", {}), **found.get("attributes", {}), **found.get("overrides", {})}
    return Definition(name, found.get("kind") or base.get("kind"), rules(told))


def rules(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    return {
        name: Rule(rule["type"], rule["level"], rule.get("condition"), bool(rule.get("sampling")))
        for name, rule in attributes.items()
    }
