"""Derived rows against a plain model of them in Python: worlds of traces that arrive in every wrong way.

A world is made from a seed: spans in pieces and out of order, roots that never come, deliveries repeated as they were,
with another start or in another experiment, requests told by two libraries, agents that alone report usage, tags before
their trace, two tenants with the same ids. Whatever the order, and however often the derivation looks meanwhile, the
rows have to be what the newest deliveries say.
"""

import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from spanbook_schemas.ids import experiment_id
from spanbook_storage.derivation import Derivation
from spanbook_storage.prices import Price, set_price

SECOND = 10**9
MS = 10**6
OPERATIONS = {"llm": "chat", "embedding": "embeddings", "tool": "execute_tool", "agent": "invoke_agent", "": ""}
MODELS = [
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("gcp.gemini", "gemini-2.5-pro"),  # costs more above 200,000 input tokens
    ("ollama", "qwen-of-my-own"),  # no price
]
NEW_PRICE = Price("openai/gpt-4o-mini", 0, 0, 1000.0, 2000.0, 500.0, None, None, source="user")


@dataclass(frozen=True)
class Sent:
    """A delivery of a span, as a client means it; `received` is in milliseconds."""

    tenant: str
    trace: str
    span: str
    parent: str
    start: int
    duration: int
    experiment: str
    type: str
    scope: str
    name: str
    failed: bool = False
    provider: str = ""
    model: str = ""
    response: str = ""
    usage: tuple[tuple[str, int], ...] = ()
    cost: float | None = None
    session: str = ""
    user: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    received: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.tenant, self.trace, self.span

    @property
    def end(self) -> int:
        return self.start + self.duration

    @property
    def tokens(self) -> dict[str, int]:
        return dict(self.usage)

    @property
    def has_usage(self) -> bool:
        return "input_tokens" in self.tokens or "output_tokens" in self.tokens


@dataclass
class World:
    """What is sent: blocks of spans in the order of their inserts, and tags, each before the block of its number."""

    blocks: list[list[Sent]] = field(default_factory=list)
    tags: list[tuple[int, str, str, str, str]] = field(default_factory=list)  # block, tenant, trace, key, value


# ---- what should come out


def standing(deliveries: Iterable[Sent]) -> dict[tuple[str, str, str], Sent]:
    """The newest delivery of each span."""
    found: dict[tuple[str, str, str], Sent] = {}
    for sent in deliveries:
        if sent.key not in found or found[sent.key].received <= sent.received:
            found[sent.key] = sent
    return found


def requests(spans: dict[tuple[str, str, str], Sent]) -> list[Sent]:
    """The spans that are requests to models: each request once."""
    calls: dict[tuple[str, str, str], list[Sent]] = defaultdict(list)
    for span in spans.values():
        if span.type in ("llm", "embedding") and span.response:
            calls[span.tenant, span.provider, span.response].append(span)
    repeats = set()
    for told in calls.values():
        first, *others = sorted(told, key=lambda s: (not s.has_usage, s.start, s.span))
        repeats |= {s.key for s in others if s.scope != first.scope and s.start <= first.end and s.end >= first.start}
    counted = [s for s in spans.values() if s.type in ("llm", "embedding") and s.key not in repeats]
    reporting = {(s.tenant, s.trace) for s in counted if s.has_usage}
    alone = [s for s in spans.values() if s.has_usage and (s.tenant, s.trace) not in reporting]
    return counted + [s for s in alone if not any(_covers(other, s) for other in alone)]


def _covers(outer: Sent, span: Sent) -> bool:
    same = (outer.tenant, outer.trace) == (span.tenant, span.trace) and outer.span != span.span
    return (
        same
        and outer.start <= span.start
        and outer.end >= span.end
        and ((outer.start, outer.end) != (span.start, span.end) or outer.span < span.span)
    )


def cost(span: Sent, new_price: bool) -> float | None:
    if span.cost is not None:
        return span.cost
    if not span.has_usage or span.provider not in ("openai", "anthropic", "gcp.gemini"):
        return None
    tokens = span.tokens
    if new_price and span.provider == "openai":
        fresh = tokens.get("input_tokens", 0) - tokens.get("cache_read_tokens", 0)
        cached = tokens.get("cache_read_tokens", 0)
        return (fresh * 1000.0 + cached * 500.0 + tokens.get("output_tokens", 0) * 2000.0) / 1e6
    when = datetime.fromtimestamp(span.start / SECOND, UTC)
    provider = "google" if span.provider == "gcp.gemini" else span.provider
    return float(
        calc_price(Usage(**tokens), span.model, provider_id=provider, genai_request_timestamp=when).total_price
    )


def expected_traces(world: World, new_price: bool = False) -> dict[tuple[str, str], dict[str, Any]]:
    spans = standing(sent for block in world.blocks for sent in block)
    told = {(tenant, trace): dict[str, str]() for _, tenant, trace, _, _ in world.tags}
    for _, tenant, trace, key, value in world.tags:
        told[tenant, trace][key] = value
    calls = defaultdict(list)
    for call in requests(spans):
        calls[call.tenant, call.trace].append(call)
    traces = defaultdict(list)
    for span in spans.values():
        traces[span.tenant, span.trace].append(span)
    return {key: _trace(found, calls[key], told.get(key, {}), new_price) for key, found in traces.items()}


def _trace(spans: list[Sent], calls: list[Sent], told: dict[str, str], new_price: bool) -> dict[str, Any]:
    ordered = sorted(spans, key=lambda s: (s.parent != "", s.start, s.span))
    top = ordered[0]
    costs = [cost(call, new_price) for call in calls]
    unknown = any(c is None and call.has_usage for c, call in zip(costs, calls, strict=True))
    known = [c for c in costs if c is not None]
    tags = dict(pair for span in spans for pair in span.tags) | told
    return {
        "experiment_id": experiment_id(top.tenant, top.experiment),
        "name": top.name,
        "start": min(s.start for s in spans),
        "duration_ms": (max(s.end for s in spans) - min(s.start for s in spans)) / MS,
        "status": ("ERROR" if top.failed else "OK") if top.parent == "" else "IN_PROGRESS",
        "session_id": next((s.session for s in ordered if s.session), None),
        "user_id": next((s.user for s in ordered if s.user), None),
        "span_count": len(spans),
        "llm_call_count": len(calls),
        "tool_call_count": sum(s.type == "tool" for s in spans),
        "error_count": sum(s.failed for s in spans),
        "input_tokens": _total(calls, "input_tokens"),
        "output_tokens": _total(calls, "output_tokens"),
        "cost_usd": None if unknown or not known else pytest.approx(sum(known)),
        "tags": {key: value for key, value in tags.items() if value},
    }


def _total(calls: list[Sent], kind: str) -> int | None:
    found = [call.tokens[kind] for call in calls if kind in call.tokens]
    return sum(found) if found else None


def expected_usage(world: World, new_price: bool = False) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    """By experiment, provider and model: calls, input and output tokens, cost, calls of unknown cost."""
    spans = standing(sent for block in world.blocks for sent in block)
    groups = defaultdict(list)
    for call in requests(spans):
        groups[experiment_id(call.tenant, call.experiment), call.provider, call.model].append(call)
    return {
        key: (
            len(calls),
            _total(calls, "input_tokens") or 0,
            _total(calls, "output_tokens") or 0,
            pytest.approx(sum(cost(call, new_price) or 0.0 for call in calls)),
            sum(call.has_usage and cost(call, new_price) is None for call in calls),
        )
        for key, calls in groups.items()
    }


# ---- worlds


def make_world(seed: int, traces: int, blocks: int) -> World:
    chance = random.Random(seed)
    world = World([[] for _ in range(blocks)])
    now = (time.time_ns() - 1800 * SECOND) // MS * MS
    for number in range(traces):
        spans = _make_trace(chance, seed, number, now)
        for span in _deliveries(chance, spans, blocks):
            world.blocks[span.received].append(span)
        if chance.random() < 0.3:
            for key in ("stage", "owner"):
                value = chance.choice(["", "a", "b"])
                world.tags.append((chance.randrange(blocks), spans[0].tenant, spans[0].trace, key, value))
    received = (now + 60 * SECOND) // MS
    world.blocks = [
        [replace(sent, received=received + place * 1000) for sent in block] for place, block in enumerate(world.blocks)
    ]
    world.tags.sort(key=lambda tag: tag[0])
    return world


def _make_trace(chance: random.Random, seed: int, number: int, now: int) -> list[Sent]:
    tenant = "" if chance.random() < 0.7 else "other"
    trace = f"{seed:08x}{number // 2:024x}"  # the tenants share half of their ids
    start = now + chance.randrange(700) * SECOND + number
    spans: list[Sent] = []
    agents_alone = chance.random() < 0.2
    for place in range(chance.randint(1, 7)):
        kind = "agent" if place == 0 else chance.choice(["llm", "llm", "embedding", "tool", "agent", ""])
        parent = chance.choice(spans).span if spans else ""
        provider, model = chance.choice(MODELS) if kind in ("llm", "embedding", "agent") else ("", "")
        usage = _usage(chance) if (kind in ("llm", "embedding")) != agents_alone and kind not in ("tool", "") else ()
        span = Sent(
            tenant, trace, f"{number:08x}{place:08x}", parent,
            start=start + chance.randrange(5000) * MS + place,
            duration=chance.randrange(1, 3000) * MS,
            experiment=chance.choice(["shop", "search"]),
            type=kind,
            scope="library",
            name=f"{kind} {place}",
            failed=chance.random() < 0.2,
            provider=provider,
            model=model,
            response=f"resp-{seed}-{number}-{place}" if kind in ("llm", "embedding") and chance.random() < 0.7 else "",
            usage=usage,
            cost=0.25 if usage and chance.random() < 0.1 else None,
            session=chance.choice(["", "session-1", "session-2"]),
            user=chance.choice(["", "ann", "ben"]),
            tags=(("stage", "span"), ("color", "red")) if place == 0 and chance.random() < 0.3 else (),
        )  # fmt: skip
        spans.append(span)
        if span.response and chance.random() < 0.2:  # another library tells the same request
            twin = replace(
                span, span=span.span[:8] + "f" + span.span[9:], scope="sdk", start=span.start + MS, duration=1
            )
            spans.append(replace(twin, usage=chance.choice([(), span.usage]), cost=None))
    return spans


def _usage(chance: random.Random) -> tuple[tuple[str, int], ...]:
    if chance.random() < 0.1:
        return ()
    read = chance.choice([chance.randrange(5000), chance.randrange(150_000, 300_000)])
    cached = chance.randrange(read + 1) if chance.random() < 0.3 else 0
    tokens = {"input_tokens": read, "output_tokens": chance.randrange(2000)}
    return tuple((tokens | ({"cache_read_tokens": cached} if cached else {})).items())


def _deliveries(chance: random.Random, spans: list[Sent], blocks: int) -> list[Sent]:
    """Say in which block (`received`) each span comes, and what comes again, differently."""
    first = chance.randrange(blocks)
    whole = chance.random() < 0.4
    absent = chance.random() < 0.1
    sent = []
    for span in spans:
        if absent and span.parent == "" and len(spans) > 1:
            continue
        place = first if whole else min(blocks - 1, first + chance.randrange(4))
        sent.append(replace(span, received=place))
        if chance.random() < 0.1 and place + 1 < blocks:
            sent.append(_again(chance, span, chance.randrange(place + 1, blocks)))
    return sent


def _again(chance: random.Random, span: Sent, place: int) -> Sent:
    how = chance.randrange(4)
    if how == 0:
        span = replace(span, start=span.start + chance.choice([-1, 1]) * chance.randrange(1200) * SECOND)
    elif how == 1:
        span = replace(span, experiment="moved")
    elif how == 2 and span.usage:
        span = replace(span, usage=_usage(chance) or span.usage)
    return replace(span, received=place)


# ---- on the wire


def trace_request(spans: Iterable[Sent]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for sent in spans:
        resource = request.resource_spans.add()
        resource.resource.attributes.extend(
            _attributes({"service.name": "app", "spanbook.experiment.name": sent.experiment})
        )
        scope = resource.scope_spans.add()
        scope.scope.name = sent.scope
        span = scope.spans.add(
            trace_id=bytes.fromhex(sent.trace),
            span_id=bytes.fromhex(sent.span),
            parent_span_id=bytes.fromhex(sent.parent),
            name=sent.name,
            start_time_unix_nano=sent.start,
            end_time_unix_nano=sent.end,
            attributes=_attributes(_span_attributes(sent)),
        )
        if sent.failed:
            span.status.code = Status.STATUS_CODE_ERROR
    return request


def _span_attributes(sent: Sent) -> dict[str, Any]:
    names = {
        "input_tokens": "gen_ai.usage.input_tokens",
        "output_tokens": "gen_ai.usage.output_tokens",
        "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    }
    found = {
        "gen_ai.operation.name": OPERATIONS[sent.type],
        "gen_ai.provider.name": sent.provider,
        "gen_ai.request.model": sent.model,
        "gen_ai.response.id": sent.response,
        "session.id": sent.session,
        "user.id": sent.user,
        "gen_ai.usage.cost": sent.cost,
    }
    found |= {names[kind]: count for kind, count in sent.usage}
    found |= {f"spanbook.tag.{key}": value for key, value in sent.tags}
    return {key: value for key, value in found.items() if value not in ("", None)}


def event_request(
    name: str, attributes: dict[str, Any], *, trace: str = "", span: str = "", at: int = 0
) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(_attributes({"service.name": "app"}))
    resource.scope_logs.add().log_records.add(
        event_name=name,
        time_unix_nano=at or time.time_ns(),
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(span),
        attributes=_attributes(attributes),
    )
    return request


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    kinds = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}
    return [KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value})) for key, value in values.items()]  # type: ignore[arg-type]


def send(book: Any, spans: list[Sent]) -> None:
    for tenant in sorted({sent.tenant for sent in spans}):
        own = [sent for sent in spans if sent.tenant == tenant]
        book.insert(trace_request(own), tenant=tenant, received_at=own[0].received * MS)


def send_tags(book: Any, tags: list[tuple[int, str, str, str, str]]) -> None:
    for tenant in sorted({tag[1] for tag in tags}):
        request = ExportLogsServiceRequest()
        for number, (_, owner, trace, key, value) in enumerate(tags):
            if owner == tenant:
                told = {f"spanbook.tag.{key}": value}
                request.MergeFrom(event_request("spanbook.trace.tag", told, trace=trace, at=time.time_ns() + number))
        book.insert(request, tenant=tenant)


def settle(book: Any, *derivations: Derivation) -> None:
    for _ in range(20):
        worked = [book.run(one.tick(everything=True)) for one in derivations]
        if not any(worked):
            return
    raise AssertionError("derived rows never came to rest")


def read_traces(book: Any, where: str = "1") -> dict[tuple[str, str], dict[str, Any]]:
    columns = [
        "experiment_id", "name", "toUnixTimestamp64Nano(start_time)", "duration_ms", "status", "session_id", "user_id",
        "span_count", "llm_call_count", "tool_call_count", "error_count", "input_tokens", "output_tokens", "cost_usd",
        "tags",
    ]  # fmt: skip
    rows = book.query(f"SELECT r.tenant, trace_id, {', '.join(columns)} FROM traces AS t INNER JOIN (SELECT tenant, experiment_id, start_time, trace_id FROM trace_rows FINAL) AS r USING (experiment_id, start_time, trace_id) WHERE {where}")  # fmt: skip  # noqa: E501
    names = [name if "(" not in name else "start" for name in columns]
    assert len({(row[0], row[1]) for row in rows}) == len(rows), "a trace is there twice"
    return {(row[0], row[1]): dict(zip(names, row[2:], strict=True)) for row in rows}


def read_usage(book: Any) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    rows = book.query(
        "SELECT experiment_id, provider, model, sum(calls), sum(input_tokens), sum(output_tokens), sum(cost_usd),"
        " sum(unpriced_calls) FROM usage_hourly GROUP BY experiment_id, provider, model"
    )
    return {tuple(row[:3]): tuple(row[3:]) for row in rows}


def check(book: Any, world: World, new_price: bool = False) -> None:
    traces = read_traces(book)
    wanted = expected_traces(world, new_price)
    assert traces.keys() == wanted.keys()
    wrong = {
        key: {name: (found, wanted[key][name]) for name, found in row.items() if found != wanted[key][name]}
        for key, row in traces.items()
        if row != wanted[key]
    }
    assert not wrong, f"(found, wanted) by trace: {wrong}"
    usage = expected_usage(world, new_price)
    assert read_usage(book) == usage
    rows = book.query("SELECT count(), sum(input_tokens), sum(output_tokens) FROM llm_calls")
    assert tuple(rows[0]) == tuple(sum(row[place] for row in usage.values()) for place in range(3))


# ---- tests


@pytest.fixture(params=["book", "cluster_book", "sharded_book"], ids=["a single node", "a shard", "two shards"])
def any_book(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_rows_are_what_the_newest_deliveries_say_whatever_the_order(any_book: Any) -> None:
    book, derivations = any_book, [Derivation(store) for store in any_book.derived]
    seed = int(os.environ.get("SPANBOOK_SEED", "1"))
    size = (90, 6) if book.derived == [book.store] else (50, 4)
    world = make_world(seed, *(400, 16) if os.environ.get("SPANBOOK_SOAK") else size)
    chance = random.Random(seed)
    for place, block in enumerate(world.blocks):
        send_tags(book, [tag for tag in world.tags if tag[0] == place])
        if block:
            send(book, block)
        if chance.random() < 0.3:
            book.run(chance.choice(derivations).tick(everything=chance.random() < 0.5))
    settle(book, *derivations)
    check(book, world)

    # A price that is found to be wrong afterwards.
    book.run(set_price(book.store, NEW_PRICE))
    settle(book, *derivations)
    check(book, world, new_price=True)

    # Nothing is left to do for one who starts again, on a shard once prices have settled.
    for derivation in derivations:
        derivation._prices_settled = 0.0
    settle(book, *derivations)
    again = [Derivation(store) for store in book.derived]
    settle(book, *again)
    assert [one.progress.traces for one in again] == [0] * len(again)
