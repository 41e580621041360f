"""Traces read back: from ClickHouse, as any reader of SQL would.

There is no language of filters here. What these arguments do not say, SQL does: every column of `traces` is a question.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ._assessments import Assessment, AssessmentError, AssessmentSource, Expectation, Feedback
from ._provider import flush as flush_all
from ._records import trace_id_of

STORE_VARIABLE = "SPANBOOK_STORE"
KEY_VARIABLE = "SPANBOOK_KEY"
DEFAULT_STORE = "clickhouse://127.0.0.1:8123/spanbook"  # the embedded node

_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class SpanRecord:
    """One operation of a trace, as it was stored."""

    span_id: str
    parent_span_id: str | None
    name: str
    type: str
    """`llm`, `tool`, `agent`, `retrieval`, `embedding`, `workflow`, … or empty."""
    kind: str
    start_time: datetime
    end_time: datetime
    status: str
    status_message: str | None
    attributes: Mapping[str, str]
    """Values as text; messages, arguments and results are JSON."""


@dataclass(frozen=True)
class Trace:
    """One trace, as it was stored."""

    trace_id: str
    experiment_id: str
    experiment_name: str
    model_id: str | None
    model_name: str | None
    run_id: str | None
    name: str
    service_name: str
    start_time: datetime
    duration_ms: float
    status: str
    """`OK`, `ERROR` or `IN_PROGRESS`."""
    session_id: str | None
    user_id: str | None
    input: str | None
    """The first 300 characters."""
    output: str | None
    span_count: int
    llm_call_count: int
    tool_call_count: int
    error_count: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    tags: Mapping[str, str]
    spans: tuple[SpanRecord, ...] = field(default=(), repr=False)
    """In the order in which they began; empty unless they were asked for."""
    assessments: tuple[Assessment, ...] = field(default=(), repr=False)
    """Those that no other one overrides, oldest first."""


def get_trace(trace_id: str, *, flush: bool = False) -> Trace | None:
    """Return a trace with its spans and what was judged of it, or None while nothing of it is stored.

    With *flush*, what this process has not sent yet is sent first; it takes some seconds to be stored. Raises
    ValueError for what is no trace id, RuntimeError when the store cannot be asked.
    """
    trace_id = trace_id_of(trace_id)
    found = search_traces(trace_ids=[trace_id], max_results=1, include_spans=True, flush=flush)
    return found[0] if found else None


def search_traces(
    *,
    trace_ids: Sequence[str] = (),
    experiment_ids: Sequence[str] = (),
    experiment_name: str = "",
    model_id: str = "",
    run_id: str = "",
    session_id: str = "",
    user_id: str = "",
    status: str = "",
    tags: Mapping[str, str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    max_results: int = 100,
    include_spans: bool = False,
    flush: bool = False,
) -> list[Trace]:
    """Return traces, newest first, for which all that is given holds; *until* itself is not among them.

    Times without a zone are local. Raises RuntimeError when the store cannot be asked.
    """
    if flush:
        flush_all()
    asked = {
        "trace_ids": list(trace_ids),
        "experiment_ids": list(experiment_ids),
        "experiment_name": experiment_name,
        "model_id": model_id,
        "run_id": run_id,
        "session_id": session_id,
        "user_id": user_id,
        "status": status.upper(),
        "tag_keys": list(tags or {}),
        "tag_values": list((tags or {}).values()),
        "since": _utc(since or _BEGINNING),
        "until": _utc(until or datetime.now(UTC) + timedelta(days=1)),
        "max_results": max_results,
    }
    with _Reader() as reader:
        rows = reader.ask("search_traces", asked)
        if not include_spans:
            return [Trace(**row) for row in rows]
        return [
            Trace(**row, spans=reader.spans(row["trace_id"]), assessments=reader.assessments(row["trace_id"]))
            for row in rows
        ]


class _Reader:
    """A connection to the store, for a few questions."""

    def __enter__(self) -> _Reader:
        try:
            import clickhouse_connect
        except ImportError as error:
            raise RuntimeError(
                "cannot read traces: `clickhouse-connect` is not installed\nhint: pip install 'spanbook[read]'"
            ) from error
        store, key = os.environ.get(STORE_VARIABLE) or DEFAULT_STORE, os.environ.get(KEY_VARIABLE, "")
        credentials: dict[str, Any] = {"username": "default", "password": key} if key else {}
        try:
            self._client = clickhouse_connect.get_client(dsn=store, autogenerate_session_id=False, **credentials)
        except Exception as error:
            raise RuntimeError(
                f"cannot read traces from ClickHouse at `{urlsplit(store).hostname}`: {_brief(error)}\n"
                f"hint: start it with `spanbook serve`, or name it in {STORE_VARIABLE}"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a named query by their columns."""
        try:
            return list(self._client.query(_sql(query), parameters=dict(parameters), tz_mode="aware").named_results())
        except Exception as error:
            raise RuntimeError(f"cannot read traces: {_brief(error)}") from error

    def spans(self, trace_id: str) -> tuple[SpanRecord, ...]:
        return tuple(SpanRecord(**row) for row in self.ask("list_trace_spans", {"trace_id": trace_id}))

    def assessments(self, trace_id: str) -> tuple[Assessment, ...]:
        rows = self.ask("list_trace_assessments", {"trace_id": trace_id})
        return tuple(_assessment(trace_id, row) for row in rows if row["valid"])


def _assessment(trace_id: str, row: Mapping[str, Any]) -> Assessment:
    kind = Expectation if row["kind"] == "expectation" else Feedback
    return kind(
        assessment_id=row["assessment_id"],
        name=row["name"],
        value=None if row["value"] is None else json.loads(row["value"]),
        source=AssessmentSource(row["source_type"] or "CODE", row["source_id"]),
        trace_id=trace_id,
        span_id=row["span_id"],
        rationale=row["rationale"],
        error=AssessmentError(row["error_code"], row["error_message"]) if row["error_code"] else None,
        metadata=json.loads(row["metadata"]) if row["metadata"] else {},
    )


@lru_cache(maxsize=8)
def _sql(query: str) -> str:
    from importlib.resources import files

    return (files("spanbook_schemas") / "clickhouse" / "queries" / f"{query}.sql").read_text(encoding="utf-8")


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
