"""Who comes in, what a tenant sees, and what pages from elsewhere may not make a browser ask."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import urllib3

from spanbook_schemas import keys
from spanbook_storage.node.process import NodeProcess


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager() as pool:
        yield pool


def _code(answer: urllib3.BaseHTTPResponse) -> str | None:
    return answer.headers.get("x-clickhouse-exception-code")


def test_the_writer_needs_the_secret(node: NodeProcess, http: urllib3.PoolManager) -> None:
    url = f"{node.url}/?query=SELECT+1"
    for password in ("", "wrong", "ä"):
        answer = http.request("GET", url, headers=urllib3.make_headers(basic_auth=f"spanbook:{password}"))
        assert (answer.status, _code(answer)) == (403, "516")
    assert http.request("GET", f"{url}&user=spanbook&password={node.secret}").data == b"1\n"
    headers = {"X-ClickHouse-User": "spanbook", "X-ClickHouse-Key": node.secret}
    assert http.request("GET", url, headers=headers).data == b"1\n"


def test_pages_from_elsewhere_are_refused(node: NodeProcess, http: urllib3.PoolManager) -> None:
    url = f"{node.url}/?query=SELECT+1"
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{node.port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ):
        answer = http.request("GET", url, headers=headers)
        assert (answer.status, _code(answer)) == (403, "497")
        assert "access-control-allow-origin" not in answer.headers


def test_pages_of_our_own_and_programs_are_not(node: NodeProcess, http: urllib3.PoolManager) -> None:
    url = f"{node.url}/?query=SELECT+1"
    for headers in (
        {"Host": "localhost"},
        {"Host": f"LOCALHOST:{node.port}"},
        {"Host": f"[::1]:{node.port}"},
        {"Origin": node.url},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ):
        assert http.request("GET", url, headers=headers).data == b"1\n"


@pytest.fixture(scope="module")
def closed_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with keys: `red` reads tenant red, `blue` tenant blue, `ingest` may only send."""
    directory = tmp_path_factory.mktemp("closed")
    entries = [
        {
            "id": name,
            "tenant": name,
            "sha256": keys.digest(f"secret-{name}"),
            "scopes": scopes,
            "created_at": "2026-01-01T00:00:00Z",
        }
        for name, scopes in (("red", ["read"]), ("blue", ["read"]), ("ingest", ["ingest"]))
    ]
    file = directory / "keys.json"
    file.write_text(json.dumps({"format": keys.FORMAT, "keys": entries}))
    with NodeProcess(directory / "node", options=["--keys", str(file), "--allow-host", "node.example"]) as node:
        client = node.client()
        for statement in (
            "CREATE TABLE spans (tenant String, a UInt64) ENGINE = MergeTree ORDER BY a",
            "CREATE TABLE shared (b UInt64) ENGINE = MergeTree ORDER BY b",
            "CREATE VIEW sums AS SELECT tenant, sum(a) AS a FROM spans GROUP BY tenant",
            "CREATE VIEW sums_of_sums AS SELECT a FROM sums",
            "CREATE VIEW above AS SELECT a FROM spans WHERE a > {x:UInt64}",
            "CREATE TABLE totals (tenant String, a UInt64) ENGINE = MergeTree ORDER BY a",
            "CREATE MATERIALIZED VIEW feed TO totals AS SELECT tenant, a FROM spans",
            "CREATE MATERIALIZED VIEW bare ENGINE = MergeTree ORDER BY a AS SELECT a FROM spans",
            "INSERT INTO spans VALUES ('red', 1), ('red', 2), ('blue', 40)",
            "INSERT INTO shared VALUES (7)",
        ):
            client.command(statement)
        client.close()
        yield node


def _read(http: urllib3.PoolManager, node: NodeProcess, name: str, text: str) -> urllib3.BaseHTTPResponse:
    headers = urllib3.make_headers(basic_auth=f"default:secret-{name}")
    return http.request("POST", node.url, body=text.encode(), headers=headers)


def test_a_closed_node_wants_a_key_that_may_read(closed_node: NodeProcess, http: urllib3.PoolManager) -> None:
    url = f"{closed_node.url}/?{urlencode({'query': 'SELECT 1'})}"
    assert _code(http.request("GET", url)) == "516"
    assert _code(http.request("GET", url, headers={"Authorization": "Bearer wrong"})) == "516"
    assert _code(http.request("GET", url, headers={"Authorization": "Bearer secret-ingest"})) == "516"
    assert http.request("GET", url, headers={"Authorization": "Bearer secret-red"}).data == b"1\n"
    assert http.request("GET", url, headers={"X-ClickHouse-Key": "secret-red"}).data == b"1\n"
    assert (
        http.request("GET", url, headers={"Authorization": "Bearer secret-red", "Host": "node.example"}).status == 200
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT sum(a) FROM {table}",
        "SELECT sum(a) FROM (SELECT a FROM {table})",
        "WITH s AS (SELECT a FROM {table}) SELECT sum(a) FROM s",
        "SELECT sum(x.a) FROM {table} AS x",
        "SELECT (SELECT sum(a) FROM {table})",
        "SELECT sum(a) FROM (SELECT a FROM {table} UNION DISTINCT SELECT a FROM {table})",
        "SELECT sum(a) FROM view(SELECT a FROM {table})",
    ],
)
@pytest.mark.parametrize("table", ["spans", "spanbook.spans", "sums", "sums_of_sums", "totals", "feed", "above(x = 0)"])
def test_a_tenant_sees_its_own_rows_alone(
    closed_node: NodeProcess, http: urllib3.PoolManager, text: str, table: str
) -> None:
    text = text.replace("{table}", table)
    assert _read(http, closed_node, "red", text).data == b"3\n"
    assert _read(http, closed_node, "blue", text).data == b"40\n"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM spans WHERE a IN (SELECT a FROM spans)",
        "SELECT x.a FROM spans AS x JOIN spans AS y ON 1",
        "SELECT count(), max(a) FROM spans",
        "SELECT DISTINCT tenant FROM spans",
        "SELECT * FROM bare",
        "SELECT * FROM spans SETTINGS max_threads = 1",
        "SELECT a FROM spans ORDER BY a LIMIT 10 BY tenant",
        # conditions that fail on rows of others, which the engine likes to look at before it filters them away
        "SELECT a FROM spans WHERE throwIf(a = 40) = 0",
        "SELECT a FROM sums WHERE throwIf(a = 40) = 0",
        "SELECT x.a FROM numbers(3) AS n JOIN spans AS x ON n.number = x.a AND throwIf(x.a = 40) = 0",
        "SELECT a FROM spans WHERE a IN (SELECT a FROM spans WHERE throwIf(a = 40) = 0)",
    ],
)
def test_nothing_of_another_tenant_shines_through(
    closed_node: NodeProcess, http: urllib3.PoolManager, text: str
) -> None:
    answer = _read(http, closed_node, "red", text)
    assert answer.status == 200
    assert b"40" not in answer.data
    assert b"blue" not in answer.data


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM merge('spanbook', 'spans')",
        "SELECT * FROM mergeTreeIndex(spanbook, spans)",
        "SELECT * FROM spans SETTINGS additional_table_filters = {}",
        "SELECT (SELECT sum(a) FROM spans SETTINGS additional_table_filters = {})",
        "SELECT rows FROM system.parts",
        "SELECT rows FROM system.parts_columns",
        "SELECT a FROM spans PREWHERE throwIf(a = 40) = 0",
        "SELECT a FROM (SELECT a FROM spans PREWHERE a > 0)",
        "EXPLAIN SELECT a FROM spans WHERE a > 5",
        "EXPLAIN PLAN SELECT a FROM spans",
        "EXPLAIN indexes = 1 SELECT a FROM spans WHERE a > 5",
        "EXPLAIN json = 1, indexes = 1 SELECT a FROM spans WHERE a > 5",
        "EXPLAIN ESTIMATE SELECT a FROM spans",
        "EXPLAIN PIPELINE SELECT a FROM spans",
        "SELECT a FROM spans FORMAT JSONEachRowWithProgress",
        "SHOW TABLES WHERE total_rows > 2",
        "SELECT x.name FROM spans, system.tables AS x WHERE total_rows > 2",
        "SELECT (1, 2) IN system.tables",
        "SELECT total_rows FROM {t:Identifier}",
    ],
)
def test_what_leads_round_the_filter_is_refused(closed_node: NodeProcess, http: urllib3.PoolManager, text: str) -> None:
    headers = urllib3.make_headers(basic_auth="default:secret-red")
    url = f"{closed_node.url}/?{urlencode({'param_t': 'system.tables'})}"
    assert _code(http.request("POST", url, body=text.encode(), headers=headers)) == "497"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT name, total_rows, total_bytes, parts FROM system.tables WHERE name = 'spans'",
        "SELECT tables.name, tables.total_rows, lifetime_rows, total_marks FROM system.tables WHERE table = 'spans'",
        "SELECT t.name, t.* EXCEPT (create_table_query) FROM system.tables AS t WHERE name = 'spans'",
        "SELECT name, max(total_rows) FROM (SELECT * FROM system.tables) WHERE name = 'spans' GROUP BY name",
        "SELECT c.table, t.total_rows FROM system.columns AS c JOIN system.tables AS t ON c.table = t.name WHERE c.name = 'a'",  # noqa: E501
        "SELECT 'spans', data_compressed_bytes, data_uncompressed_bytes FROM system.columns WHERE table = 'spans'",
        "SELECT table_name, table_rows, TABLE_ROWS, data_length FROM information_schema.tables",
        "SELECT table_name, table_rows FROM INFORMATION_SCHEMA.TABLES",
        "SELECT ' FROM system.tables', name, total_rows FROM system.tables WHERE name = 'spans'",
        "WITH t AS (SELECT * FROM system.tables) SELECT name, total_rows FROM t WHERE name = 'spans'",
        "SELECT name FROM system.tables WHERE total_rows > 0 OR name = 'spans'",
        "SELECT * FROM system.tables WHERE name = 'spans' FORMAT JSON",
        "SHOW TABLES WHERE name = 'spans'",
        "DESCRIBE TABLE system.tables SETTINGS describe_compact_output = 1",
        "EXPLAIN SYNTAX SELECT a AS spans FROM spans",
    ],
)
def test_a_tenant_is_told_no_sizes(closed_node: NodeProcess, http: urllib3.PoolManager, text: str) -> None:
    answer = _read(http, closed_node, "red", text)
    assert answer.status == 200, answer.data
    assert b"spans" in answer.data or b"total_rows" in answer.data
    told = json.loads(answer.data)["data"][0].values() if b"FORMAT JSON" in text.encode() else answer.data.split()
    assert not {3, "3", b"3", "39", b"39"} & {value for value in told if isinstance(value, (int, str, bytes))}
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["read_bytes"]) == ("0", "0")


def test_a_result_does_not_say_how_many_rows_were_read(closed_node: NodeProcess, http: urllib3.PoolManager) -> None:
    for fmt in ("JSON", "JSONCompact", "XML"):
        answer = _read(http, closed_node, "red", f"SELECT a FROM spans FORMAT {fmt}")
        assert b"rows_read" not in answer.data
    limited = _read(http, closed_node, "red", "SELECT a FROM spans SETTINGS max_rows_to_read = 1")
    assert limited.data == b"1\n2\n"


def test_a_table_made_later_is_filtered_too(closed_node: NodeProcess, http: urllib3.PoolManager) -> None:
    client = closed_node.client()
    client.command("CREATE TABLE late (tenant String, a UInt64) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO late VALUES ('red', 1), ('blue', 40)")
    client.close()
    assert _read(http, closed_node, "red", "SELECT a FROM late").data == b"1\n"
    assert _read(http, closed_node, "red", "SELECT b FROM shared").data == b"7\n"


def test_a_tenant_does_not_kill_anothers_query(closed_node: NodeProcess, http: urllib3.PoolManager) -> None:
    assert _read(http, closed_node, "red", "KILL QUERY WHERE query_id = 'of-blue'").data == b""
