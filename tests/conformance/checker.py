"""Does what was emitted say what the conventions ask for, in their words?

The conventions' conditions that a machine can decide (an error, a server's address) are decided; "if available" counts
as available, since the scenarios make everything available. What departs from them on purpose stands in
`deviations.toml` with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from conformance import registry
from conformance.registry import Definition, Rule

CONVENTION_SPACES = ("gen_ai.", "mcp.", "openai.", "aws.bedrock.")
GENERAL = ("error.type", "server.", "network.", "http.request.resend_count", "jsonrpc.", "rpc.", "exception.")
OURS = ("spanbook.", "session.id", "user.id")
CLOSED = ("gen_ai.operation.name", "gen_ai.output.type", "gen_ai.response.status", "gen_ai.token.modality")
"""Enumerations in which a word of our own would be a mistake. The provider's name is open."""

TYPES: dict[str, Any] = {
    "string": str,
    "string(enum)": str,
    "int": int,
    "double": float,
    "boolean": bool,
}


class Problem(StrEnum):
    UNDEFINED = "undefined"
    """No definition has this operation."""
    KIND = "kind"
    NAME = "name"
    STATUS = "status"
    UNKNOWN = "unknown"
    """An attribute that the conventions do not have."""
    MISPLACED = "misplaced"
    """An attribute that they have, but not here."""
    MISSING = "missing"
    ABSENT = "absent"
    """Recommended, and on no span: only counted (`Coverage`)."""
    TYPE = "type"
    VALUE = "value"
    SCHEMA = "schema"
    LATE = "late"
    """An attribute that samplers need, set after the span began."""
    FORM = "form"
    """Unit, instrument, buckets, severity."""


@dataclass(frozen=True)
class Deviation:
    span: str
    attribute: str
    problem: Problem
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.span}: {self.attribute} is {self.problem} {self.detail}".rstrip()


def check(span: ReadableSpan, at_start: Iterable[str] | None = None) -> list[Deviation]:
    """Departures of one finished span; `at_start` are the names of the attributes that it was started with."""
    definition = definition_of(span)
    attributes = dict(span.attributes or {})
    if definition is None:
        return [Deviation(span.name, "gen_ai.operation.name", Problem.UNDEFINED, repr(_operation(attributes)))]
    found = [*_check_frame(span, definition, attributes), *_check_attributes(definition, attributes)]
    if at_start is not None:
        given = set(at_start)
        for name, rule in definition.attributes.items():
            if rule.sampling and name in attributes and name not in given:
                found.append(Deviation(definition.name, name, Problem.LATE))
    return found


def check_event(name: str, severity: int | None, attributes: Mapping[str, Any]) -> list[Deviation]:
    """Departures of a log record with an event name."""
    definition = registry.event_definition(name)
    if definition is None:
        return [] if name.startswith("spanbook.") else [Deviation(name, "event", Problem.UNKNOWN)]
    found = list(_check_attributes(definition, attributes))
    wanted = SEVERITIES.get(name)
    if wanted is not None and severity != wanted:
        found.append(Deviation(name, "severity", Problem.FORM, f"{severity}, not {wanted}"))
    return found


def check_metric(
    name: str, unit: str, bounds: Iterable[float] | None, points: Iterable[Mapping[str, Any]]
) -> list[Deviation]:
    """Departures of a metric; `bounds` are a histogram's, None for a counter."""
    told = registry.metric(name)
    if told is None:
        return [] if name.startswith("spanbook.") else [Deviation(name, "metric", Problem.UNKNOWN)]
    found = []
    if unit != told["unit"]:
        found.append(Deviation(name, "unit", Problem.FORM, f"{unit}, not {told['unit']}"))
    if (told["instrument"] == "histogram") != (bounds is not None):
        found.append(Deviation(name, "instrument", Problem.FORM, f"should be a {told['instrument']}"))
    elif bounds is not None and told.get("buckets") and list(bounds) != told["buckets"]:
        found.append(Deviation(name, "buckets", Problem.FORM, str(list(bounds))))
    definition = registry.metric_definition(name)
    for attributes in points:
        found += _check_attributes(definition, attributes)
    return found


def definition_of(span: ReadableSpan) -> Definition | None:
    """What the span claims to be."""
    attributes = span.attributes or {}
    kind = span.kind.name.lower()
    if "mcp.method.name" in attributes:
        return registry.mcp_definition(kind)
    return registry.span_definition(_operation(attributes), str(attributes.get("gen_ai.provider.name", "")), kind)


SEVERITIES = {"gen_ai.client.inference.operation.details": 5, "gen_ai.client.operation.exception": 13}


def _operation(attributes: Mapping[str, Any]) -> str:
    return str(attributes.get("gen_ai.operation.name", ""))


def _check_frame(span: ReadableSpan, definition: Definition, attributes: Mapping[str, Any]) -> Iterator[Deviation]:
    if span.kind is not SpanKind[definition.kind.upper()]:
        yield Deviation(definition.name, "kind", Problem.KIND, span.kind.name)
    if span.name != (wanted := span_name(attributes)):
        yield Deviation(definition.name, "name", Problem.NAME, f"{span.name!r}, not {wanted!r}")
    failed = "error.type" in attributes
    if span.status.status_code is not (StatusCode.ERROR if failed else StatusCode.UNSET):
        yield Deviation(definition.name, "status", Problem.STATUS, span.status.status_code.name)
    for event in span.events:
        yield Deviation(definition.name, f"span event {event.name}", Problem.UNKNOWN, "events are log records")


def span_name(attributes: Mapping[str, Any]) -> str:
    """The name that the conventions give a span with these attributes."""
    if method := attributes.get("mcp.method.name"):
        target = attributes.get("gen_ai.tool.name") or attributes.get("gen_ai.prompt.name")
        return f"{method} {target}" if target else str(method)
    operation = _operation(attributes)
    subject = attributes.get(SUBJECTS.get(operation, ""))
    return f"{operation} {subject}" if subject else operation


SUBJECTS = {
    **dict.fromkeys((*registry.INFERENCE, "embeddings"), "gen_ai.request.model"),
    **dict.fromkeys(("invoke_agent", "invoke_workflow", "create_agent", "plan"), "gen_ai.agent.name"),
    "execute_tool": "gen_ai.tool.name",
    "retrieval": "gen_ai.data_source.id",
}


def _check_attributes(definition: Definition, attributes: Mapping[str, Any]) -> Iterator[Deviation]:
    for name, value in attributes.items():
        for problem, detail in _judge(definition, name, value):
            yield Deviation(definition.name, name, problem, detail)
    for name, rule in definition.attributes.items():
        if name not in attributes and _needed(name, rule, attributes):
            yield Deviation(definition.name, name, Problem.MISSING)
    yield from _check_sums(definition, attributes)


def _judge(definition: Definition, name: str, value: Any) -> Iterator[tuple[Problem, str]]:
    rule = definition.attributes.get(name)
    if rule is None and name.startswith(CONVENTION_SPACES):
        yield (Problem.MISPLACED if registry.known(name) else Problem.UNKNOWN), ""
    elif rule is None and not name.startswith(GENERAL + OURS):
        yield Problem.UNKNOWN, "is of no known kind"
    if rule is not None and not _fits(rule, value):
        yield Problem.TYPE, f"{type(value).__name__}, not {rule.type}"
    if name in CLOSED and value not in (registry.values(name) or ()):
        yield Problem.VALUE, repr(value)
    if registry.has_schema(name):
        yield from ((Problem.SCHEMA, message) for message in _schema_errors(name, value))


def _fits(rule: Rule, value: Any) -> bool:
    if rule.type == "string[]":
        return isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value)
    wanted = TYPES.get(rule.type)
    return wanted is None or (isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)))


def _schema_errors(name: str, value: Any) -> Iterator[str]:
    """A value may be structured, or its JSON text."""
    try:
        told = json.loads(value) if isinstance(value, str) else plain(value)
    except ValueError as error:
        yield f"is no JSON: {error}"
        return
    for wrong in _validator(name).iter_errors(told):
        yield f"{'/'.join(map(str, wrong.absolute_path))}: {wrong.message[:200]}"


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(registry.schema(name))


def plain(value: Any) -> Any:
    """The SDK keeps sequences as tuples and mappings as its own kind; JSON Schema knows lists and dicts."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def _needed(name: str, rule: Rule, attributes: Mapping[str, Any]) -> bool:
    if rule.level == "required":
        return True
    if rule.level != "conditionally_required":
        return False
    match name:
        case "gen_ai.request.model":
            return _operation(attributes) in (*registry.INFERENCE, "embeddings")
        case "server.port":
            return "server.address" in attributes
        case "gen_ai.request.stream":
            return "gen_ai.response.time_to_first_chunk" in attributes
        case _:
            return False


PARTS = {
    "gen_ai.usage.input_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
    "gen_ai.usage.output_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}


def _check_sums(definition: Definition, attributes: Mapping[str, Any]) -> Iterator[Deviation]:
    """Totals include their parts."""
    for total, parts in PARTS.items():
        told = [attributes[part] for part in parts if part in attributes]
        if told and sum(told) > attributes.get(total, 0):
            yield Deviation(definition.name, total, Problem.VALUE, "is less than its parts")
