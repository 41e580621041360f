"""The node over real HTTP: what clients of ClickHouse send and expect."""

import asyncio
import concurrent.futures
import gzip
import json
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from urllib.parse import urlencode

import clickhouse_connect
import lz4.frame
import psutil
import pytest
import urllib3
import zstandard
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from spanbook_storage.node.process import NodeProcess


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(maxsize=16) as pool:
        yield pool


class Asker:
    """Requests to one node, as the writer or as a reader."""

    def __init__(self, http: urllib3.PoolManager, node: NodeProcess, database: str) -> None:
        self._http, self._node, self._database = http, node, database

    def read(self, text: str | bytes = "", *, method: str = "POST", headers: dict[str, str] | None = None, **url: str):
        query = urlencode({"database": self._database, **url})
        body = text.encode() if isinstance(text, str) else text
        return self._http.request(
            method,
            f"{self._node.url}/?{query}",
            body=body or None,
            headers=headers,
            retries=False,
            decode_content=False,
        )

    def write(self, text: str | bytes = "", *, headers: dict[str, str] | None = None, **url: str):
        credentials = {"X-ClickHouse-User": self._node.user, "X-ClickHouse-Key": self._node.secret}
        answer = self.read(text, headers={**credentials, **(headers or {})}, **url)
        assert answer.status == 200, answer.data
        return answer


@pytest.fixture
def ask(http: urllib3.PoolManager, node: NodeProcess, database: str) -> Asker:
    return Asker(http, node, database)


def test_an_unmodified_client_writes_and_reads(node: NodeProcess, database: str) -> None:
    client = node.client(database=database)
    client.command("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    client.insert("t", [[1, "x"], [2, "y"]], column_names=["a", "s"])
    client.raw_insert("t", insert_block=b'{"a":3,"s":"z"}', fmt="JSONEachRow")
    rows = client.query("SELECT s FROM t WHERE a > {a:UInt64} ORDER BY a", parameters={"a": 1}).result_rows
    assert rows == [("y",), ("z",)]
    assert client.query_df("SELECT a FROM t ORDER BY a")["a"].tolist() == [1, 2, 3]
    assert client.query_arrow("SELECT a FROM t").num_rows == 3
    client.close()


def test_a_statement_of_the_writer_that_is_known_already_has_its_own_parameters(
    node: NodeProcess, database: str
) -> None:
    client = node.client(database=database)
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    asked = "SELECT {a:UInt64} + count() AS n FROM t SETTINGS max_threads = 1 FORMAT CSV"
    for number in range(3):
        client.command("INSERT INTO t SELECT {a:UInt64}", parameters={"a": number})
        assert client.raw_query(asked, parameters={"a": 10 * number}) == b"%d\n" % (10 * number + number + 1)
    assert client.query("SELECT a FROM t ORDER BY a").result_rows == [(0,), (1,), (2,)]
    client.close()


def test_hostile_parameters_are_values(node: NodeProcess, database: str) -> None:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=node.port, database=database)
    for value in ("a\tb\nc\\d'e`f\"g", "'; DROP TABLE t --", "\\N", "{x:String}", "é漢🙂", "a\0b"):
        assert client.query("SELECT {v:String}", parameters={"v": value}).first_row == (value,)
    assert client.query("SELECT {v:Array(String)}", parameters={"v": ["a'b", "c"]}).first_row == (["a'b", "c"],)
    client.close()


async def test_parameters_too_long_for_a_url_come_in_a_form(node: NodeProcess, database: str) -> None:
    hostile = ["a\r\n--b\r\n", "'; DROP TABLE t --", "é漢🙂", "a\0b", "\\N"]
    many = [*hostile, *(f"{number:032x}" for number in range(5000))]
    client = clickhouse_connect.get_client(host="127.0.0.1", port=node.port, database=database)
    asked = "SELECT {v:Array(String)}, length({v:Array(String)})"
    assert client.query(asked, parameters={"v": many}).first_row == (many, len(many))
    with pytest.raises(DatabaseError, match="a form of more than"):
        client.query(asked, parameters={"v": many * 10})
    table = ExternalData(file_name="t.csv", data=b"1\n", fmt="CSV", structure=["a UInt64"])
    with pytest.raises(DatabaseError, match="external tables"):
        client.query("SELECT * FROM t", external_data=table)
    client.close()
    asynchronous = await clickhouse_connect.get_async_client(host="127.0.0.1", port=node.port, database=database)
    assert (await asynchronous.query(asked, parameters={"v": many})).first_row == (many, len(many))
    await asynchronous.close()


async def test_the_async_client_reads_and_writes(node: NodeProcess, database: str) -> None:
    client = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=node.port, username=node.user, password=node.secret, database=database
    )
    await client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    await client.insert("t", [[1], [2]], column_names=["a"])
    results = await asyncio.gather(*(client.query("SELECT sum(a) FROM t") for _ in range(8)))
    assert [result.first_row for result in results] == [(3,)] * 8
    await client.close()


def test_curl_asks_in_every_way(node: NodeProcess) -> None:
    def curl(*arguments: str) -> str:
        return subprocess.run(["curl", "-s", *arguments], capture_output=True, text=True, check=True).stdout

    assert curl(f"{node.url}/ping") == "Ok.\n"
    assert curl(f"{node.url}/") == "Ok.\n"
    assert curl(f"{node.url}/?query=SELECT+1") == "1\n"
    assert curl(f"{node.url}/", "-d", "SELECT 1") == "1\n"
    assert curl(f"{node.url}/?query=SELECT", "-d", "1 FORMAT CSV") == "1\n"
    assert curl("-G", f"{node.url}/", "--data-urlencode", "query=SELECT {x:UInt8} AS x", "-d", "param_x=7") == "7\n"
    assert curl("-u", f"spanbook:{node.secret}", f"{node.url}/", "-d", "SELECT 1") == "1\n"


def test_the_format_comes_from_the_statement_the_url_or_a_header(ask: Asker) -> None:
    assert ask.read("SELECT 1 AS a FORMAT CSV", default_format="JSON").data == b"1\n"
    assert json.loads(ask.read("SELECT 1 AS a", default_format="JSON").data)["data"] == [{"a": 1}]
    assert ask.read("SELECT 1 AS a", headers={"X-ClickHouse-Format": "JSONEachRow"}).data == b'{"a":1}\n'
    assert ask.read("SELECT 1 AS a", default_format="CSV INTO OUTFILE 'x'").status == 404


def test_an_answer_tells_what_clients_look_for(ask: Asker) -> None:
    answer = ask.read("SELECT number FROM system.numbers LIMIT 10 FORMAT JSON", query_id="q-1")
    assert answer.headers["x-clickhouse-query-id"] == "q-1"
    assert answer.headers["x-clickhouse-format"] == "JSON"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-clickhouse-timezone"]
    assert int(json.loads(answer.headers["x-clickhouse-summary"])["read_rows"]) >= 10


def test_an_error_has_clickhouses_form(ask: Asker) -> None:
    answer = ask.read("SELECT * FROM nowhere")
    assert answer.status == 404
    assert answer.headers["x-clickhouse-exception-code"] == "60"
    assert answer.data.startswith(b"Code: 60. DB::Exception: ")
    assert b"(UNKNOWN_TABLE) (version 26." in answer.data
    assert ask.read("SELEC 1").headers["x-clickhouse-exception-code"] == "62"
    assert ask.read("SELECT throwIf(1)").headers["x-clickhouse-exception-code"] == "395"


@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        ("gzip", gzip.decompress),
        ("deflate", zlib.decompress),
        ("zstd", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
        ("lz4", lz4.frame.decompress),
    ],
)
def test_results_are_compressed_when_asked(ask: Asker, encoding, decode) -> None:
    wanted = {"Accept-Encoding": encoding}
    answer = ask.read("SELECT number FROM numbers(100000)", headers=wanted, enable_http_compression="1")
    assert answer.headers["content-encoding"] == encoding
    assert decode(answer.data).count(b"\n") == 100000
    assert "content-encoding" not in ask.read("SELECT 1", headers=wanted).headers


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("lz4", lz4.frame.compress),
    ],
)
def test_bodies_are_decompressed(ask: Asker, encoding, encode) -> None:
    ask.write("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    rows = encode(b"".join(b"%d\n" % number for number in range(100000)))
    ask.write(rows, query="INSERT INTO t FORMAT TSV", headers={"Content-Encoding": encoding})
    assert ask.read(encode(b"SELECT count() FROM t"), headers={"Content-Encoding": encoding}).data == b"100000\n"
    in_members = encode(b"SELECT count() ") + encode(b"FROM t")
    assert ask.read(in_members, headers={"Content-Encoding": encoding}).data == b"100000\n"
    for broken in (b"no such thing", encode(b"SELECT 1")[:-3]):
        answer = ask.read(broken, headers={"Content-Encoding": encoding})
        assert answer.headers["x-clickhouse-exception-code"] == "354"
    assert b"hint" in ask.read(b"x", headers={"Content-Encoding": "snappy"}).data


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES (1, 'a;b'), (2, 'c')",
        b"INSERT INTO t (a, s) VALUES (1, 'a;b') (2, 'c')",
        b"/* x */ insert into t format CSV\n1,a;b\n2,c\n",
        b'INSERT INTO t FORMAT JSONEachRow {"a":1,"s":"a;b"} {"a":2,"s":"c"}',
        b"INSERT INTO `t` SETTINGS input_format_null_as_default = 1 FORMAT TSV\n1\ta;b\n2\tc\n",
        b"INSERT INTO t SELECT 1, 'a;b' UNION ALL SELECT 2, 'c'",
    ],
)
def test_an_insert_brings_its_rows_in_any_way(ask: Asker, text: bytes) -> None:
    ask.write("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    ask.write(text)
    assert ask.read("SELECT * FROM t ORDER BY a").data == b"1\ta;b\n2\tc\n"


def test_an_insert_says_how_much_it_wrote(ask: Asker) -> None:
    ask.write("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    answer = ask.write(b"1\n2\n3\n", query="INSERT INTO t FORMAT TSV")
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "3"


def test_protobuf_goes_in_with_a_schema_in_the_settings(ask: Asker) -> None:
    ask.write("CREATE TABLE t (name String) ENGINE = MergeTree ORDER BY name")
    schema = 'syntax = "proto3"; message Envelope { message Row { string name = 1; } repeated Row rows = 1; }'
    row = b"\x0a\x03\x0a\x01x"
    ask.write(
        bytes([len(row) * 2]) + row * 2,
        query="INSERT INTO t FORMAT ProtobufList",
        format_schema_source="string",
        format_schema=schema,
        format_schema_message_name="Row",
    )
    assert ask.read("SELECT name FROM t").data == b"x\nx\n"


def test_a_token_makes_a_second_insert_nothing(ask: Asker) -> None:
    ask.write(
        "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"
    )
    for rows in (b"1\n", b"1\n", b"2\n"):
        ask.write(rows, query="INSERT INTO t FORMAT TSV", insert_deduplication_token="one")
    ask.write(b"3\n", query="INSERT INTO t FORMAT TSV", insert_deduplication_token="two")
    assert ask.read("SELECT a FROM t ORDER BY a").data == b"1\n3\n"


def test_a_torn_insert_leaves_nothing(node: NodeProcess, ask: Asker, database: str) -> None:
    ask.write("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.sendall(
            f"POST /?database={database}&query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: localhost\r\n"
            f"X-ClickHouse-User: {node.user}\r\nX-ClickHouse-Key: {node.secret}\r\n"
            "Content-Length: 1000\r\n\r\n1\n2\n".encode()
        )
    ask.write(b"3\n", query="INSERT INTO t FORMAT TSV")
    assert ask.read("SELECT a FROM t").data == b"3\n"


def test_a_bad_row_is_an_error_and_leaves_nothing(ask: Asker) -> None:
    ask.write("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    with pytest.raises(AssertionError, match=r"Code: (27|72|117)\."):
        ask.write(b"1\nrubbish\n", query="INSERT INTO t FORMAT TSV")
    assert ask.read("SELECT count() FROM t").data == b"0\n"


@pytest.mark.parametrize(
    ("table", "settings", "code"),
    [
        ("seen", {}, "6"),
        ("checked", {}, "469"),
        ("parted", {"max_partitions_per_insert_block": "1"}, "252"),
        ("large", {"max_memory_usage": "3000000"}, "241"),
    ],
)
def test_an_insert_that_fails_behind_the_parser_is_an_error(
    ask: Asker, table: str, settings: dict[str, str], code: str
) -> None:
    for statement in (
        "CREATE TABLE seen (a UInt64, s String) ENGINE = Null",
        "CREATE TABLE numbers (a UInt64) ENGINE = MergeTree ORDER BY a",
        "CREATE MATERIALIZED VIEW see TO numbers AS SELECT toUInt64(s) AS a FROM seen",
        "CREATE TABLE checked (a UInt64, s String, CONSTRAINT c CHECK a > 7) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE parted (a UInt64, s String) ENGINE = MergeTree PARTITION BY a ORDER BY a",
        "CREATE TABLE large (a UInt64, s String) ENGINE = Null",
        "CREATE TABLE texts (s String) ENGINE = MergeTree ORDER BY tuple()",
        "CREATE MATERIALIZED VIEW enlarge TO texts AS SELECT repeat('x', 1000000) AS s FROM large",
    ):
        ask.write(statement)
    with pytest.raises(AssertionError, match=rf"Code: {code}\."):
        ask.write(b"1\tx\n2\ty\n", query=f"INSERT INTO {table} FORMAT TSV", **settings)
    assert ask.read("SELECT count() FROM numbers").data == b"0\n"


def test_settings_of_one_request_do_not_reach_the_next(ask: Asker) -> None:
    for _ in range(8):
        assert ask.read("SELECT getSetting('max_block_size')", max_block_size="77").data == b"77\n"
        assert ask.read("SELECT getSetting('max_block_size')").data != b"77\n"


def test_a_failed_query_leaves_no_rows_in_anothers_result(ask: Asker) -> None:
    half = "SELECT number FROM numbers(3000000) WHERE NOT throwIf(number = 2000000)"

    def fail(_: int) -> bool:
        with pytest.raises((urllib3.exceptions.HTTPError, AssertionError)):
            assert ask.read(half).status == 200
        return True

    def good(number: int) -> bool:
        return ask.read(f"SELECT toUInt64({number}) AS number").data == b"%d\n" % number

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bad = [pool.submit(fail, number) for number in range(16)]
        right = [pool.submit(good, number) for number in range(200)]
        assert all(future.result() for future in bad + right)


def test_an_error_in_the_middle_of_a_stream_reaches_the_client(node: NodeProcess) -> None:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=node.port)
    with pytest.raises(DatabaseError, match="throwIf"):
        _ = client.query("SELECT number, throwIf(number = 2000000) FROM numbers(3000000)").result_rows
    assert client.query("SELECT 42").first_row == (42,)
    client.close()


def test_a_client_that_waits_for_the_end_gets_a_clean_error(ask: Asker) -> None:
    answer = ask.read("SELECT number, throwIf(number = 1000000) FROM numbers(3000000)", wait_end_of_query="1")
    assert answer.headers["x-clickhouse-exception-code"] == "395"
    assert answer.data.startswith(b"Code: 395")


@pytest.mark.parametrize("fmt", ["JSON", "CSVWithNames", "RowBinaryWithNamesAndTypes", "ArrowStream", "Parquet"])
def test_a_large_result_is_one_document(ask: Asker, fmt: str) -> None:
    answer = ask.read(f"SELECT number, toString(number) AS s FROM numbers(300000) FORMAT {fmt}")
    if fmt == "JSON":
        assert json.loads(answer.data)["rows"] == 300000
    elif fmt == "CSVWithNames":
        assert answer.data.count(b"number") == 1
        assert answer.data.count(b"\n") == 300001
    else:
        assert len(answer.data) > 1_000_000


def test_a_result_streams_in_constant_memory(node: NodeProcess, http: urllib3.PoolManager) -> None:
    query = urlencode({"query": "SELECT repeat('x', 1000) FROM numbers(300000)", "max_block_size": "1000"})
    resident = psutil.Process(node.pid).memory_info().rss
    answer = http.request("GET", f"{node.url}/?{query}", preload_content=False)
    size = sum(len(piece) for piece in answer.stream(1 << 16))
    assert size == 300000 * 1001
    assert psutil.Process(node.pid).memory_info().rss - resident < 150_000_000


def test_a_query_dies_with_its_client(node: NodeProcess, ask: Asker) -> None:
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.sendall(
            b"GET /?query=SELECT+count()+FROM+numbers(1000000000000)+WHERE+NOT+ignore(41) HTTP/1.1\r\n"
            b"Host: localhost\r\n\r\n"
        )
        _await(lambda: "ignore(41)" in _processes(ask))
    _await(lambda: "ignore(41)" not in _processes(ask))


def test_a_query_dies_when_its_client_stops_reading(node: NodeProcess, ask: Asker) -> None:
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.sendall(
            b"GET /?query=SELECT+*+FROM+system.numbers+WHERE+NOT+ignore(42) HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        assert connection.recv(1000)
        assert "ignore(42)" in _processes(ask)
    _await(lambda: "ignore(42)" not in _processes(ask))


def test_a_reader_kills_their_own_query(ask: Asker) -> None:
    codes: list[str] = []

    def long() -> None:
        answer = ask.read("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(43)", query_id="mine")
        codes.append(answer.headers["x-clickhouse-exception-code"])

    thread = threading.Thread(target=long)
    thread.start()
    _await(lambda: "ignore(43)" in _processes(ask))
    assert b"mine" in ask.read("KILL QUERY WHERE query_id = 'mine' SYNC").data
    thread.join(20)
    assert codes == ["394"]
    assert ask.read("KILL QUERY WHERE query_id = 'mine'").data == b""


def test_readers_are_bounded_and_inserts_never_wait_for_them(node: NodeProcess, ask: Asker) -> None:
    ask.write("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    slow = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(44)"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(ask.read, slow, query_id=f"slow-{number}") for number in range(8)]
        _await(lambda: _processes(ask).count("ignore(44)") == 4)
        ask.write(b"1\n", query="INSERT INTO t FORMAT TSV")
        _await(lambda: _ended(ask, readers))  # whichever of them were let in first
        assert {reader.result().status for reader in readers} == {500}


def test_a_compressed_statement_may_come_byte_by_byte(node: NodeProcess) -> None:
    text = gzip.compress(b"SELECT 1 + 1")
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: {len(text)}\r\n"
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n")
        for byte in text:
            connection.sendall(bytes([byte]))
        assert b"".join(iter(lambda: connection.recv(4096), b"")).endswith(b"\r\n\r\n2\n")


def test_a_session_id_is_no_reason_to_refuse(ask: Asker) -> None:
    assert ask.read("SELECT 1", session_id="abc", session_timeout="60").data == b"1\n"


def test_get_does_not_write(http: urllib3.PoolManager, node: NodeProcess, database: str) -> None:
    query = urlencode({"database": database, "query": "CREATE TABLE t (a UInt8) ENGINE = Memory"})
    headers = {"X-ClickHouse-User": node.user, "X-ClickHouse-Key": node.secret}
    answer = http.request("GET", f"{node.url}/?{query}", headers=headers)
    assert answer.headers["x-clickhouse-exception-code"] == "164"


def test_a_reader_does_not_insert(ask: Asker) -> None:
    ask.write("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    assert ask.read(b"1\n", query="INSERT INTO t FORMAT TSV").headers["x-clickhouse-exception-code"] == "164"
    assert ask.read("INSERT INTO t VALUES (1)").headers["x-clickhouse-exception-code"] == "164"


def test_a_statement_is_no_book(ask: Asker) -> None:
    assert ask.read("SELECT '" + "x" * 300_000 + "'").headers["x-clickhouse-exception-code"] == "62"


def _processes(ask: Asker) -> str:
    return ask.write("SELECT query FROM system.processes").data.decode()


def _ended(ask: Asker, readers) -> bool:
    for number in range(len(readers)):
        ask.write(f"KILL QUERY WHERE query_id = 'slow-{number}'")
    return all(reader.done() for reader in readers)


def _await(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
