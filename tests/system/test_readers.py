"""What other tools ask of the embedded node: the queries of Grafana's ClickHouse plugin and of HyperDX, and clients.

The queries are in those tools' own shape, macros filled in; rows are those of the demo's story.
"""

import json
import subprocess
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
import pytest

from running.collector import Collector

GRAFANA_TRACE = """
WITH '{trace}' as trace_id,
(SELECT min(Start) FROM "spanbook"."otel_traces_trace_id_ts" WHERE TraceId = trace_id) as trace_start,
(SELECT max(End) + 1 FROM "spanbook"."otel_traces_trace_id_ts" WHERE TraceId = trace_id) as trace_end
SELECT "TraceId" as traceID, "SpanId" as spanID, "ParentSpanId" as parentSpanID, "ServiceName" as serviceName,
"SpanName" as operationName, multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001) as startTime,
multiply("Duration", 0.000001) as duration,
arrayMap(key -> map('key', key, 'value',"SpanAttributes"[key]), mapKeys("SpanAttributes")) as tags,
arrayMap(key -> map('key', key, 'value',"ResourceAttributes"[key]), mapKeys("ResourceAttributes")) as serviceTags,
if("StatusCode" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) as statusCode,
arrayMap((name, timestamp, attributes) -> tuple(name, toString(multiply(toUnixTimestamp64Nano(timestamp), 0.000001)),
 arrayMap( key -> map('key', key, 'value', attributes[key]),
 mapKeys(attributes)))::Tuple(name String, timestamp String, fields Array(Map(String, String))),
 "Events.Name", "Events.Timestamp", "Events.Attributes") AS logs,
arrayMap((traceID, spanID, attributes) -> tuple(traceID, spanID,
 arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes))
)::Tuple(traceID String, spanID String, tags Array(Map(String, String))),
 "Links.TraceId", "Links.SpanId", "Links.Attributes") AS references,
"SpanKind" as kind, "StatusMessage" as statusMessage, "TraceState" as traceState
FROM "spanbook"."otel_traces"
WHERE traceID = trace_id AND "Timestamp" >= trace_start AND "Timestamp" <= trace_end LIMIT 1000
"""

GRAFANA_SEARCH = """
SELECT TraceId, any(ServiceName) AS Service, any(SpanName) AS RootOperation, min(Timestamp) AS Time,
max(Duration) AS Duration, count() AS Spans,
anyIf(StatusCode, StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS Status
FROM spanbook.otel_traces
WHERE Timestamp >= toDateTime64(now() - 7200, 9) AND Timestamp <= toDateTime64(now(), 9)
AND 1=1 AND positionCaseInsensitive(SpanName, 'check_voucher') > 0
GROUP BY TraceId HAVING 1=1 ORDER BY Time DESC LIMIT 200
"""

GRAFANA_NODES = """
SELECT ServiceName AS id, ServiceName AS title, concat(toString(count()), ' spans') AS mainstat,
concat(toString(round(avg(Duration) / 1000000, 1)), ' ms avg') AS secondarystat,
(count() - countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR'))) / count() AS arc__success,
countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) / count() AS arc__errors
FROM spanbook.otel_traces WHERE Timestamp >= toDateTime64(now() - 7200, 9) AND ServiceName = 'support-bot'
GROUP BY ServiceName ORDER BY count() DESC LIMIT 30
"""

GRAFANA_EDGES = """
SELECT concat(parent.ServiceName, '-', child.ServiceName) AS id, parent.ServiceName AS source,
child.ServiceName AS target, concat(toString(count()), ' calls') AS mainstat
FROM spanbook.otel_traces AS child INNER JOIN spanbook.otel_traces AS parent
ON child.ParentSpanId = parent.SpanId AND child.TraceId = parent.TraceId
WHERE child.Timestamp >= toDateTime64(now() - 7200, 9) AND parent.Timestamp >= toDateTime64(now() - 7200, 9)
AND parent.ServiceName != child.ServiceName GROUP BY source, target ORDER BY count() DESC LIMIT 50
"""

GRAFANA_LOGS = """
SELECT "Timestamp" as "timestamp", "Body" as "body", "SeverityText" as "level",
"LogAttributes" as "labels", "TraceId" as "traceID"
FROM "spanbook"."otel_logs"
WHERE ( timestamp >= toDateTime64(now() - 7200, 9) AND timestamp <= toDateTime64(now() + 60, 9) )
AND ( TimestampTime >= toDateTime(now() - 7200) AND TimestampTime <= toDateTime(now() + 60) )
ORDER BY timestamp DESC LIMIT 1000
"""

HYPERDX_TABLES = """
SELECT database, name, engine FROM system.tables WHERE database NOT IN ('system', 'information_schema')
AND name IN ('otel_traces', 'otel_logs', 'otel_metrics_gauge', 'otel_metrics_sum', 'otel_metrics_histogram',
'otel_metrics_summary', 'otel_metrics_exponential_histogram', 'hyperdx_sessions')
"""

HYPERDX_KEYS = """
WITH sampledKeys as (SELECT {column:Identifier}.keys AS keysArr FROM `spanbook`.`otel_traces` LIMIT {rows:Int32})
SELECT DISTINCT lowCardinalityKeys(arrayJoin(keysArr)) as key FROM sampledKeys LIMIT {most:Int32}
"""

HYPERDX_SEARCH = """
SELECT Timestamp,ServiceName,StatusCode,round(Duration/1e6),SpanName,TraceId,SpanId
FROM {HYPERDX_PARAM_1:Identifier}.{HYPERDX_PARAM_2:Identifier}
WHERE (Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp <= fromUnixTimestamp64Milli({to:Int64}))
AND ((lower(SpanName) LIKE lower('%voucher%'))) ORDER BY Timestamp DESC LIMIT {limit:Int32} OFFSET {offset:Int32}
"""

HYPERDX_CHART = """
SELECT count(),ServiceName AS `ServiceName`,
toStartOfInterval(toDateTime(Timestamp), INTERVAL 5 minute) AS `__hdx_time_bucket`
FROM spanbook.otel_traces
WHERE (Timestamp >= fromUnixTimestamp64Milli({from:Int64}) AND Timestamp <= fromUnixTimestamp64Milli({to:Int64}))
GROUP BY ServiceName AS `ServiceName`,toStartOfInterval(toDateTime(Timestamp), INTERVAL 5 minute) AS `__hdx_time_bucket`
ORDER BY toStartOfInterval(toDateTime(Timestamp), INTERVAL 5 minute) AS `__hdx_time_bucket` LIMIT 100000
"""

HYPERDX_MAP = """
WITH ServerSpans AS (
SELECT TraceId AS traceId, SpanId AS spanId, ServiceName AS serviceName, ParentSpanId AS parentSpanId,
StatusCode AS statusCode FROM spanbook.otel_traces WHERE Timestamp >= now() - 7200 AND cityHash64(TraceId) % 1 = 0
AND SpanKind IN ('Server', 'Consumer')),
ClientSpans AS (SELECT TraceId AS traceId, SpanId AS spanId, ServiceName AS serviceName, ParentSpanId AS parentSpanId,
StatusCode AS statusCode FROM spanbook.otel_traces WHERE Timestamp >= now() - 7200 AND cityHash64(TraceId) % 1 = 0
AND SpanKind IN ('Client', 'Producer'))
SELECT ClientSpans.serviceName AS clientServiceName, count(*) * 1 AS requestCount
FROM ClientSpans LEFT JOIN ServerSpans ON ServerSpans.traceId = ClientSpans.traceId
AND ServerSpans.parentSpanId = ClientSpans.spanId
WHERE (ServerSpans.serviceName = '') OR (ServerSpans.serviceName != ClientSpans.serviceName)
GROUP BY clientServiceName
"""

HYPERDX_SETTINGS: dict[str, str] = {
    "date_time_output_format": "iso",
    "wait_end_of_query": "0",
    "cancel_http_readonly_queries_on_client_close": "1",
    "allow_experimental_analyzer": "1",
    "output_format_json_quote_64bit_integers": "0",
}


def post(collector: Collector, sql: str, settings: Mapping[str, str] = {}, **parameters: Any) -> list[dict[str, Any]]:
    """Ask over HTTP as the tools do: settings and parameters in the URL; rows of FORMAT JSON."""
    options = {"default_format": "JSON", **settings}
    options |= {f"param_{name}": str(value) for name, value in parameters.items()}
    url = f"http://127.0.0.1:{collector.ports['sql']}/?{urlencode(options)}"
    with urllib.request.urlopen(urllib.request.Request(url, data=sql.encode()), timeout=60) as answer:
        rows: list[dict[str, Any]] = json.load(answer)["data"]
    return rows


@pytest.fixture(scope="module")
def trace(told: Collector) -> str:
    """A trace of the story with an error in it."""
    found = told.value("SELECT trace_id FROM traces WHERE status = 'ERROR' AND service_name = 'support-bot' LIMIT 1")
    return str(found)


def test_grafana_opens_a_trace_by_its_id(told: Collector, trace: str) -> None:
    spans = post(told, GRAFANA_TRACE.format(trace=trace))
    assert {span["operationName"] for span in spans} >= {"invoke_agent support", "execute_tool check_voucher"}
    assert {span["traceID"] for span in spans} == {trace}
    failed = [span for span in spans if span["statusCode"] == 2]
    assert {"key": "error.type", "value": "TimeoutError"} in failed[0]["tags"]
    assert {"key": "service.name", "value": "support-bot"} in spans[0]["serviceTags"]


def test_grafana_finds_traces_and_draws_its_service_map(told: Collector) -> None:
    found = post(told, GRAFANA_SEARCH)
    assert len(found) >= 5
    assert {row["Status"] for row in found} == {"Error"}
    (node,) = post(told, GRAFANA_NODES)
    assert node["id"] == "support-bot"
    assert 0 < node["arc__errors"] < 1
    assert post(told, GRAFANA_EDGES) == []  # the story has one service


def test_grafana_reads_logs_by_either_time_column(told: Collector) -> None:
    records = post(told, GRAFANA_LOGS)
    assert any(record["labels"].get("gen_ai.evaluation.name") == "correctness" for record in records)
    assert any(record["traceID"] for record in records)


def test_the_driver_of_grafana_is_greeted_in_its_revision(told: Collector) -> None:
    """Go's driver over HTTP begins so; how blocks look is tests/storage/test_node_native.py."""
    options = urlencode({"database": "spanbook", "default_format": "Native", "client_protocol_version": 54478})
    hello = b"SELECT displayName(), version(), revision(), timezone()"
    url = f"http://127.0.0.1:{told.ports['sql']}/?{options}"
    with urllib.request.urlopen(urllib.request.Request(url, hello), timeout=60) as answer:
        block = answer.read()
    assert block.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00")
    assert int(told.value("SELECT revision()")) >= 54454


def test_grafana_lists_databases_tables_and_columns(told: Collector) -> None:
    assert "spanbook" in {row["name"] for row in post(told, "SHOW DATABASES")}
    assert "otel_traces" in {row["name"] for row in post(told, 'SHOW TABLES FROM "spanbook"')}
    columns = {row["name"] for row in post(told, 'DESC TABLE "spanbook"."otel_traces"')}
    assert {"Timestamp", "TraceId", "SpanAttributes", "Events.Name", "Links.TraceId"} <= columns
    databases = "SELECT DISTINCT database FROM system.tables WHERE name = 'otel_traces' ORDER BY database"
    assert post(told, databases) == [{"database": "spanbook"}]


def test_hyperdx_finds_its_sources_by_table_names_and_columns(told: Collector) -> None:
    tables = post(told, HYPERDX_TABLES, HYPERDX_SETTINGS)
    assert {row["database"] for row in tables} == {"spanbook"}
    assert len(tables) == 7
    columns = {row["name"] for row in post(told, "DESCRIBE `spanbook`.`otel_traces`", HYPERDX_SETTINGS)}
    assert columns >= {
        *("Timestamp", "SpanName", "Duration", "SpanKind", "TraceId", "SpanId", "ParentSpanId", "ServiceName"),
        *("SpanAttributes", "ResourceAttributes", "StatusCode", "StatusMessage", "Events.Timestamp", "Links.TraceId"),
    }


def test_hyperdx_reads_keys_and_indexes_of_a_table(told: Collector) -> None:
    named = "SELECT * FROM system.tables WHERE database = {database:String} AND name = {table:String} LIMIT 1"
    (table,) = post(told, named, HYPERDX_SETTINGS, database="spanbook", table="otel_traces")
    assert table["primary_key"].startswith("toStartOfFiveMinutes(PartitionTime)")
    indexes = (
        "SELECT name, type, type_full as typeFull, expr as expression, granularity FROM system.data_skipping_indices "
        "WHERE database = {database:String} AND table = {table:String}"
    )
    found = post(told, indexes, HYPERDX_SETTINGS, database="spanbook", table="otel_traces")
    assert "idx_trace_id" in {row["name"] for row in found}
    keys = post(told, HYPERDX_KEYS, HYPERDX_SETTINGS, column="SpanAttributes", rows=3_000_000, most=1000)
    assert "gen_ai.request.model" in {row["key"] for row in keys}


def test_hyperdx_searches_draws_and_maps(told: Collector) -> None:
    window = {"from": 0, "to": 4_000_000_000_000}
    names = {"HYPERDX_PARAM_1": "spanbook", "HYPERDX_PARAM_2": "otel_traces", "limit": 200, "offset": 0}
    found = post(told, HYPERDX_SEARCH, HYPERDX_SETTINGS, **window, **names)
    assert {row["SpanName"] for row in found} == {"execute_tool check_voucher"}
    assert found[0]["Timestamp"].endswith("Z")
    buckets = post(told, HYPERDX_CHART, HYPERDX_SETTINGS, **window)
    assert sum(row["count()"] for row in buckets if row["ServiceName"] == "support-bot") >= 100
    calls = {row["clientServiceName"]: row["requestCount"] for row in post(told, HYPERDX_MAP, HYPERDX_SETTINGS)}
    assert calls["support-bot"] >= 25


def test_the_view_with_content_shows_tools_what_was_said(told: Collector, trace: str) -> None:
    query = (
        "SELECT SpanAttributes['gen_ai.input.messages'] AS said FROM otel_traces_full WHERE TraceId = {trace:String}"
    )
    said = [row["said"] for row in post(told, query, {"database": "spanbook"}, trace=trace)]
    assert any("WELCOME10" in text for text in said)


def test_clickhouse_connect_reads_rows_streams_and_parameters(told: Collector) -> None:
    client = clickhouse_connect.get_client(dsn=told.store)
    try:
        by_status = "SELECT count() FROM traces WHERE status = {status:String}"
        assert client.query(by_status, {"status": "ERROR"}).first_row[0] >= 5
        with client.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
            assert sum(len(block) for block in blocks) == 200_000
        names = client.query("SELECT name, cost_usd FROM traces LIMIT 1").column_names
        assert tuple(names) == ("name", "cost_usd")
    finally:
        client.close()


async def test_clickhouse_connect_reads_asynchronously(told: Collector) -> None:
    client = await clickhouse_connect.get_async_client(dsn=told.store)
    try:
        result = await client.query("SELECT DISTINCT provider FROM llm_calls WHERE provider IS NOT NULL")
        assert {row[0] for row in result.result_rows} >= {"openai", "anthropic"}
    finally:
        await client.close()


@pytest.mark.parametrize("options", [(), ("--compressed",)])
def test_curl_reads_any_format(told: Collector, options: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{told.ports['sql']}/?database=spanbook&enable_http_compression=1"
    query = "SELECT name, status FROM traces ORDER BY start_time LIMIT 3 FORMAT CSVWithNames"
    command = ["curl", "--silent", "--show-error", *options, url, "--data-binary", query]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[0] == '"name","status"'
    assert len(done.stdout.splitlines()) == 4
