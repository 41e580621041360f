"""The checker must be able to fail: each rule is broken once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from conformance.allowed import allowed, unexplained
from conformance.checker import Deviation, Problem, check, check_event, check_metric
from conformance.coverage import Coverage

MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "groq",
    "gen_ai.request.model": "m",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.input.messages": MESSAGES,
    "server.address": "localhost",
    "server.port": 80,
}


def span_of(
    attributes: Mapping[str, Any], name: str = "chat m", kind: SpanKind = SpanKind.CLIENT, status: Status | None = None
) -> ReadableSpan:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span(name, kind=kind, attributes=attributes)
    if status:
        span.set_status(status)
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CHAT.items() if key != name}


def test_a_good_span_has_no_deviations() -> None:
    assert check(span_of(CHAT), at_start=CHAT) == []


@pytest.mark.parametrize(
    ("attributes", "attribute", "problem"),
    [
        (without("gen_ai.operation.name"), "gen_ai.operation.name", Problem.UNDEFINED),
        (without("gen_ai.provider.name"), "gen_ai.provider.name", Problem.MISSING),
        (without("gen_ai.request.model"), "gen_ai.request.model", Problem.MISSING),
        (without("server.port"), "server.port", Problem.MISSING),
        (CHAT | {"gen_ai.request.colour": "red"}, "gen_ai.request.colour", Problem.UNKNOWN),
        (CHAT | {"llm.vendor": "x"}, "llm.vendor", Problem.UNKNOWN),
        (CHAT | {"gen_ai.tool.name": "x"}, "gen_ai.tool.name", Problem.MISPLACED),
        (CHAT | {"gen_ai.request.temperature": 1}, "gen_ai.request.temperature", Problem.TYPE),
        (CHAT | {"gen_ai.usage.input_tokens": True}, "gen_ai.usage.input_tokens", Problem.TYPE),
        (CHAT | {"gen_ai.request.stop_sequences": "x"}, "gen_ai.request.stop_sequences", Problem.TYPE),
        (CHAT | {"gen_ai.output.type": "poem"}, "gen_ai.output.type", Problem.VALUE),
        (CHAT | {"gen_ai.input.messages": '[{"role": "user"}]'}, "gen_ai.input.messages", Problem.SCHEMA),
        (CHAT | {"gen_ai.input.messages": "hi"}, "gen_ai.input.messages", Problem.SCHEMA),
        (CHAT | {"gen_ai.usage.cache_read.input_tokens": 12}, "gen_ai.usage.input_tokens", Problem.VALUE),
        (CHAT | {"gen_ai.response.time_to_first_chunk": 0.1}, "gen_ai.request.stream", Problem.MISSING),
    ],
)
def test_a_broken_attribute_is_found(attributes: Mapping[str, Any], attribute: str, problem: Problem) -> None:
    assert (attribute, problem) in {(found.attribute, found.problem) for found in check(span_of(attributes))}


@pytest.mark.parametrize(
    ("span", "problem"),
    [
        (span_of(CHAT, name="chat"), Problem.NAME),
        (span_of(CHAT, kind=SpanKind.INTERNAL), Problem.KIND),
        (span_of(CHAT, status=Status(StatusCode.OK)), Problem.STATUS),
        (span_of(CHAT | {"error.type": "Boom"}), Problem.STATUS),
        (span_of(CHAT, status=Status(StatusCode.ERROR, "boom")), Problem.STATUS),
    ],
)
def test_a_broken_frame_is_found(span: ReadableSpan, problem: Problem) -> None:
    assert {found.problem for found in check(span)} == {problem}


def test_what_samplers_need_must_be_there_when_the_span_begins() -> None:
    found = check(span_of(CHAT), at_start=without("gen_ai.request.model"))
    assert [(one.attribute, one.problem) for one in found] == [("gen_ai.request.model", Problem.LATE)]


def test_an_event_has_its_severity() -> None:
    name = "gen_ai.client.inference.operation.details"
    assert check_event(name, 5, CHAT) == []
    assert [found.problem for found in check_event(name, 9, CHAT)] == [Problem.FORM]
    assert [found.problem for found in check_event("gen_ai.made.up", 9, {})] == [Problem.UNKNOWN]


def test_a_metric_has_its_unit_buckets_and_attributes() -> None:
    name = "gen_ai.client.inference.duration"
    bounds = [0.01 * 2**power for power in range(14)]
    point = {key: CHAT[key] for key in ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")}
    assert check_metric(name, "s", bounds, [point]) == []
    assert {found.problem for found in check_metric(name, "ms", bounds[1:], [{}])} == {Problem.FORM, Problem.MISSING}
    assert [found.problem for found in check_metric(name, "s", None, [])] == [Problem.FORM]


def test_an_allowed_deviation_is_let_through_and_its_neighbours_are_not() -> None:
    span = "aws.bedrock.gen_ai.client.inference"
    guardrail = Deviation(span, "aws.bedrock.guardrail.id", Problem.MISSING)
    model = Deviation(span, "gen_ai.request.model", Problem.MISSING)
    assert unexplained("bedrock", [guardrail, model]) == [model]


def test_every_allowed_deviation_has_a_reason() -> None:
    assert all(len(entry.reason) > 20 for entry in allowed())


def test_coverage_counts_the_recommended_attributes() -> None:
    coverage = Coverage()
    coverage.add("groq", span_of(CHAT))
    (line,) = coverage.lines()
    told, _, absent = line.partition("without ")
    assert "3/" in told
    assert "usage.output_tokens" in absent.split(", ")
    assert "usage.input_tokens" not in absent.split(", ")
    (left_out,) = coverage.left_out().values()
    assert "gen_ai.usage.output_tokens" in left_out
    assert "gen_ai.usage.audio.output_tokens" not in left_out  # for which there is a reason
