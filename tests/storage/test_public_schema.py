"""What SQL users are promised: the views, their columns in their order, and that each says what it is."""

from typing import Any

import pytest

from spanbook_storage.migrations import described_views

VIEWS = """
spans traces llm_calls tool_calls retrievals sessions assessments feedback expectations experiments logged_models
evaluation_datasets dataset_records evaluation_runs evaluation_results scorers labeling_sessions labeling_items
model_prices usage_hourly agent_edges
""".split()  # noqa: SIM905
COLUMNS = {
    "traces": """
        trace_id experiment_id experiment_name model_id model_name run_id name service_name start_time duration_ms
        status session_id user_id input output span_count llm_call_count tool_call_count error_count input_tokens
        output_tokens cost_usd tags""",
    "llm_calls": """
        trace_id span_id parent_span_id experiment_id model_id session_id start_time duration_ms time_to_first_token_ms
        operation provider request_model response_model input_tokens output_tokens cached_input_tokens reasoning_tokens
        cost_usd finish_reasons input_messages output_messages system_instructions error_type status""",
    "assessments": """
        assessment_id kind name trace_id span_id session_id experiment_id run_id source_type source_id value score label
        rationale error_code error_message metadata created_at valid""",
    "spans": """
        trace_id span_id parent_span_id name type kind service_name scope_name experiment_id model_id run_id session_id
        user_id agent_name start_time end_time duration_ms status status_message error_type input_preview output_preview
        attributes resource events links received_at""",
    "tool_calls": """
        trace_id span_id parent_span_id experiment_id session_id agent_name start_time duration_ms name call_id type
        arguments result error_type status""",
    "retrievals": """
        trace_id span_id parent_span_id experiment_id session_id start_time duration_ms data_source_id query top_k
        documents document_count error_type status""",
}
TYPES = {
    ("assessments", "value"): "Nullable(String)",
    ("assessments", "score"): "Nullable(Float64)",
    ("traces", "tags"): "Map(String, String)",
    ("traces", "input_tokens"): "Nullable(UInt64)",
    ("llm_calls", "input_tokens"): "Nullable(UInt64)",
    ("llm_calls", "finish_reasons"): "Array(String)",
}


@pytest.fixture(scope="module")
def described(node: Any, book: Any) -> dict[str, dict[str, tuple[str, str]]]:
    """Type and comment of every column of every relation, as a reader without rights is told."""
    client = node.client(username="default", password="", database=book.dsn.rpartition("/")[2])
    names = [row[0] for row in client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows]  # fmt: skip  # noqa: E501
    assert set(described_views()) <= set(names)
    found = {
        name: {row[0]: (row[1], row[4]) for row in client.query(f"DESCRIBE TABLE {name}").result_rows}
        for name in names
        if name not in ("trace_spans", "calls_with_word")  # take a parameter
    }
    client.close()
    return found


def test_every_promised_view_is_there_with_its_columns_in_order(
    described: dict[str, dict[str, tuple[str, str]]],
) -> None:
    assert set(VIEWS) <= described.keys()
    for view, names in COLUMNS.items():
        promised = names.split()
        assert [name for name in described[view] if name in promised] == promised, view
    assert {key: described[key[0]][key[1]][0] for key in TYPES} == TYPES


def test_every_column_of_every_view_says_what_it_is(described: dict[str, dict[str, tuple[str, str]]]) -> None:
    silent = {
        (view, column)
        for view in described_views()
        for column, (_, comment) in described.get(view, {}).items()
        if not comment
    }
    assert silent == set()


def test_every_view_says_what_it_shows(book: Any) -> None:
    rows = book.query(
        "SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%View'"
        " AND engine != 'MaterializedView'"
    )
    comments = dict(rows)
    for view, comment in described_views().items():
        assert comments[view] == comment
        assert comment, view


def test_views_do_not_show_tenants(described: dict[str, dict[str, tuple[str, str]]]) -> None:
    assert [view for view in VIEWS if "tenant" in described[view]] == []
