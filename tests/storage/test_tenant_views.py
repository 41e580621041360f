"""Two tenants in one real book: no view and no table shows a reader with a key what is another's."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanbook_schemas import keys
from spanbook_storage import migrations
from spanbook_storage.derivation import Derivation
from spanbook_storage.node.process import NodeProcess

TENANTS = ("red", "blue")
SHARED_TRACE = b"same trace of 2!"
OPERATIONS = ("invoke_agent", "chat", "execute_tool", "retrieval", "embeddings")
EVENTS = {
    "gen_ai.evaluation.result": {"gen_ai.evaluation.name": "{}", "gen_ai.evaluation.explanation": "{}"},
    "spanbook.expectation": {"spanbook.assessment.name": "{}", "spanbook.assessment.value": '"{}"'},
    "spanbook.trace.tag": {"spanbook.tag.color": "{}"},
    "spanbook.experiment": {"spanbook.experiment.id": "{}-e", "spanbook.experiment.name": "{}"},
    "spanbook.dataset": {"spanbook.dataset.id": "{}-d", "spanbook.dataset.name": "{}"},
}


def spans_of(tenant: str) -> ExportTraceServiceRequest:
    """A trace whose every text names its tenant; the id of the trace is everybody's."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = f"{tenant}-service"
    now = time.time_ns()
    for number, operation in enumerate(OPERATIONS, 1):
        span = resource.scope_spans.add().spans.add(
            trace_id=SHARED_TRACE, span_id=number.to_bytes(8), parent_span_id=b"" if number == 1 else (1).to_bytes(8),
            name=f"{tenant} {operation}", start_time_unix_nano=now, end_time_unix_nano=now + 10**9,
        )  # fmt: skip
        called = {"provider.name": f"{tenant}-cloud", "request.model": f"{tenant}-model", "response.id": "the same"}
        said = dict.fromkeys(("input.messages", "tool.name", "tool.call.arguments", "retrieval.query.text"), tenant)
        for key, value in {"operation.name": operation, "agent.name": tenant, **called, **said}.items():
            span.attributes.add(key=f"gen_ai.{key}").value.string_value = value
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 10
        span.attributes.add(key="session.id").value.string_value = f"{tenant}-session"
    return request


def events_of(tenant: str) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for name, attributes in EVENTS.items():
        record = scope.log_records.add(event_name=name, time_unix_nano=time.time_ns(), trace_id=SHARED_TRACE)
        for key, value in attributes.items():
            record.attributes.add(key=key).value.string_value = value.format(tenant)
    return request


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, book_at: Any) -> Iterator[tuple[Any, NodeProcess]]:
    """A book of two tenants behind a node with keys."""
    directory = tmp_path_factory.mktemp("shared")
    entries = [
        {"id": name, "tenant": name, "sha256": keys.digest(name), "scopes": ["read"], "created_at": "2026-01-01T00:00:00Z"}  # noqa: E501
        for name in TENANTS
    ]  # fmt: skip
    file = directory / "keys.json"
    file.write_text(json.dumps({"format": keys.FORMAT, "keys": entries}))
    with NodeProcess(directory / "node", options=["--keys", str(file)]) as node:
        opened = book_at(node.dsn)
        opened.run(opened.store.migrate())
        for tenant in TENANTS:
            opened.insert(spans_of(tenant), tenant=tenant)
            opened.insert(events_of(tenant), tenant=tenant)
        derivation = Derivation(opened.store)
        while opened.run(derivation.tick(everything=True)):
            pass
        yield opened, node
        opened.close()


def read(node: NodeProcess, tenant: str, text: str) -> tuple[str | None, bytes]:
    headers = urllib3.make_headers(basic_auth=f"default:{tenant}")
    answer = urllib3.request("POST", node.url, body=text.encode(), headers=headers)
    return answer.headers.get("x-clickhouse-exception-code"), answer.data


PARAMETERS = {
    "trace_spans": f"trace_spans(trace_id = '{SHARED_TRACE.hex()}')",
    "calls_with_word": "calls_with_word(word = 'red')",
}
FORMS = (
    "SELECT * FROM {}",
    "SELECT y.* FROM (SELECT 1 AS one) AS x LEFT JOIN (SELECT 1 AS one, * FROM {}) AS y ON y.one = x.one",
)


def test_no_view_and_no_table_shows_what_is_anothers(shared: tuple[Any, NodeProcess]) -> None:
    book, node = shared
    relations = [
        str(row[0])
        for row in book.query("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name")
    ]
    shown = set()
    for relation in relations:
        name = PARAMETERS.get(relation, relation)
        for form in FORMS:
            code, data = read(node, "red", form.format(name))
            # 497: not for readers with a key; 620: a landing table; 48: nothing that could be read.
            assert code in (None, "497", "620", "48"), (relation, data)
            assert b"blue" not in data, relation
            shown |= {relation} if b"red" in data else set()
    public = migrations.described_views().keys() & {
        "spans", "traces", "llm_calls", "tool_calls", "retrievals", "sessions", "assessments", "feedback",
        "expectations", "experiments", "evaluation_datasets", "usage_hourly", "agent_edges", "unpriced_models",
        "trace_spans", "calls_with_word",
    }  # fmt: skip
    assert public <= shown
    assert len(public) == 16


def test_a_word_that_another_said_is_not_found(shared: tuple[Any, NodeProcess]) -> None:
    assert read(shared[1], "red", "SELECT count() FROM calls_with_word(word = 'blue')") == (None, b"0\n")


@pytest.mark.parametrize("table", ["model_aliases", "priced_models", "call_prices", "dirty_traces", "derivation_state"])
@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM {}",
        "SELECT * FROM spanbook.{}",
        "SELECT * FROM `spanbook`.`{}` AS a",
        "SELECT (SELECT count() FROM {})",
        "WITH a AS (SELECT * FROM {}) SELECT * FROM a",
        "SELECT 1 FROM spans AS s LEFT JOIN {} AS m ON 1",
        "SELECT ('blue-cloud', 'blue-model') IN {}",
        "SELECT ('blue-cloud', 'blue-model') IN (spanbook.{})",
        "SELECT * FROM view(SELECT * FROM {})",
    ],
)
def test_names_that_all_tenants_use_are_not_read_with_a_key(
    shared: tuple[Any, NodeProcess], text: str, table: str
) -> None:
    assert read(shared[1], "red", text.format(table))[0] == "497"


def test_a_tenant_has_the_costs_of_its_own_calls(shared: tuple[Any, NodeProcess]) -> None:
    book, node = shared
    known = spans_of("red")
    for scope in known.resource_spans[0].scope_spans:
        scope.spans[0].trace_id = b"trace with price"
        for attribute in scope.spans[0].attributes:
            replaced = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}.get(attribute.key)
            if replaced:
                attribute.value.string_value = replaced
    book.insert(known, tenant="red")
    text = f"SELECT count() FROM llm_calls WHERE trace_id = '{b'trace with price'.hex()}' AND cost_usd > 0"
    assert read(node, "red", text) == (None, b"2\n")
    assert read(node, "blue", text) == (None, b"0\n")
