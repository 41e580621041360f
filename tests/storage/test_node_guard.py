"""The guard over real HTTP: nothing that leaves the database passes, and everything honest does."""

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from spanbook_storage.node import vocabulary
from spanbook_storage.node.process import NodeProcess

HERE = Path(__file__).parent
SECRET = "canary-3c1f"
REFUSALS = {62, 164, 497}


def statements(name: str) -> list[str]:
    lines = (HERE / name).read_text().splitlines()
    return [line.replace("\\n", "\n") for line in lines if line and not line.startswith("--")]


@dataclass
class Canaries:
    """Files to steal, a place to write to, and a port to call."""

    directory: Path
    port: int
    calls: list[object] = field(default_factory=list)


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    directory = tmp_path_factory.mktemp("canaries")
    (directory / "secret").write_text(SECRET)
    (directory / "secret.csv").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Canaries(directory, server.getsockname()[1])
        threading.Thread(target=_count_calls, args=(server, found.calls), daemon=True).start()
        yield found
    shutil.rmtree(directory)


def _count_calls(server: socket.socket, calls: list[object]) -> None:
    while True:
        try:
            connection, address = server.accept()
        except OSError:
            return
        calls.append(address)
        connection.close()


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager() as pool:
        yield pool


@pytest.fixture(scope="module")
def attacked(node: NodeProcess) -> str:
    client = node.client()
    client.command("CREATE DATABASE IF NOT EXISTS spanbook_attacked")
    client.command("CREATE TABLE spanbook_attacked.victim (a UInt8, s String) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO spanbook_attacked.victim VALUES (1, 'kept')")
    client.command("CREATE DATABASE other")
    client.command("CREATE TABLE other.private (a UInt8, secret String) ENGINE = MergeTree ORDER BY a")
    client.command(f"INSERT INTO other.private VALUES (1, '{SECRET}')")
    client.close()
    return "spanbook_attacked"


@pytest.fixture(scope="module")
def honest(node: NodeProcess) -> str:
    client = node.client()
    client.command("CREATE DATABASE spanbook_honest")
    client.command(
        "CREATE TABLE spanbook_honest.t (Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String,"
        " SpanName LowCardinality(String), ServiceName String, Duration UInt64, StatusCode String,"
        " SpanAttributes Map(LowCardinality(String), String), INDEX i TraceId TYPE bloom_filter)"
        " ENGINE = MergeTree ORDER BY Timestamp"
    )
    client.command(
        "INSERT INTO spanbook_honest.t VALUES"
        " ('2026-01-01 00:00:00', 'a', 's', '', 'chat', 'app', 5, 'Error', {'gen_ai.system': 'x'}),"
        " ('2026-01-01 00:00:01', 'a', 'u', 's', 'tool', 'app', 3, 'Ok', {})"
    )
    client.command("CREATE VIEW spanbook_honest.v AS SELECT TraceId, Duration FROM spanbook_honest.t")
    client.command("CREATE VIEW spanbook_honest.ids AS SELECT TraceId FROM spanbook_honest.t")
    client.command("CREATE VIEW spanbook_honest.p AS SELECT * FROM spanbook_honest.t WHERE StatusCode = {code:String}")
    client.close()
    return "spanbook_honest"


def ask(http: urllib3.PoolManager, node: NodeProcess, text: str, **url: str) -> urllib3.BaseHTTPResponse:
    return http.request("POST", f"{node.url}/?{urlencode(url)}", body=text.encode(), retries=False)


@pytest.mark.parametrize("attack", statements("attacks.sql"))
def test_what_leaves_the_database_is_refused(
    node: NodeProcess, http: urllib3.PoolManager, canaries: Canaries, attacked: str, attack: str
) -> None:
    text = attack.replace("{dir}", str(canaries.directory)).replace("{port}", str(canaries.port))
    params = {"param_p": f"{canaries.directory}/secret", "param_t": "file", "param_s": "system"}
    params["param_d"] = "default" if "secret.csv" in text else "other"
    for fmt in ("TabSeparated", "Native"):
        answer = ask(http, node, text, database=attacked, default_format=fmt, **params)
        assert answer.status != 200, answer.data
        assert int(answer.headers["x-clickhouse-exception-code"]) in REFUSALS, answer.data
        assert SECRET.encode() not in answer.data
    assert not (canaries.directory / "written").exists()
    assert canaries.calls == []
    assert ask(http, node, "SELECT s FROM victim", database=attacked).data == b"kept\n"


@pytest.mark.parametrize("question", statements("honest.sql"))
def test_what_is_honest_is_answered(node: NodeProcess, http: urllib3.PoolManager, honest: str, question: str) -> None:
    answer = ask(http, node, question, database=honest)
    assert answer.status == 200, answer.data


def test_the_corpora_are_what_they_claim_to_be() -> None:
    assert len(statements("attacks.sql")) >= 200
    assert len(statements("honest.sql")) >= 100


def test_every_function_of_the_engine_is_classified(node: NodeProcess) -> None:
    client = node.client()
    names = [row[0] for row in client.query("SELECT name FROM system.functions").result_rows]
    client.close()
    unknown = [
        name
        for name in names
        if name.lower() not in vocabulary.reviewed_functions() and not vocabulary.is_refused_function(name)
    ]
    assert unknown == [], "add them to functions.txt, or refuse them in vocabulary.py"


def test_nothing_refused_is_reviewed_as_harmless() -> None:
    assert [name for name in vocabulary.reviewed_functions() if vocabulary.is_refused_function(name)] == []


def test_no_setting_of_a_reader_writes_a_file(node: NodeProcess, http: urllib3.PoolManager, canaries: Canaries) -> None:
    path = str(canaries.directory / "schema.proto")
    settings = {"output_format_schema": path, "format_protobuf_use_autogenerated_schema": "1"}
    tail = f"SETTINGS output_format_schema = '{path}', format_protobuf_use_autogenerated_schema = 1"
    ask(http, node, "SELECT 1 AS a FORMAT ProtobufList", **settings)
    ask(http, node, f"SELECT 1 AS a FORMAT ProtobufList {tail}")
    ask(http, node, f"SELECT 1 AS a {tail} FORMAT ProtobufList")
    assert not Path(path).exists()


def test_a_limit_is_never_above_the_nodes(node: NodeProcess, http: urllib3.PoolManager) -> None:
    read = "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage')"
    for answer in (
        ask(http, node, read, max_execution_time="100000", max_memory_usage="0"),
        ask(http, node, f"{read} SETTINGS max_execution_time = 100000, max_memory_usage = 0"),
    ):
        seconds, memory = answer.data.split()
        assert (float(seconds), int(memory)) == (60.0, 600 << 20)


def test_a_lower_limit_is_the_readers(node: NodeProcess, http: urllib3.PoolManager) -> None:
    answer = ask(http, node, "SELECT count() FROM numbers(100000000000)", max_execution_time="0.5")
    assert answer.headers["x-clickhouse-exception-code"] == "159"
    answer = ask(http, node, "SELECT groupArray(number) FROM numbers(100000000)", max_memory_usage="10000000")
    assert answer.headers["x-clickhouse-exception-code"] == "241"


def test_system_tables_tell_of_our_databases_only(node: NodeProcess, http: urllib3.PoolManager, attacked: str) -> None:
    for text in (
        "SELECT name FROM system.databases",
        "SHOW DATABASES",
        "SELECT DISTINCT database FROM system.tables",
        "SELECT DISTINCT table_schema FROM information_schema.columns",
    ):
        names = ask(http, node, text).data.decode().split()
        assert attacked in names or text == "SHOW DATABASES"
        assert all(name == "spanbook" or name.startswith("spanbook_") for name in names)


@pytest.mark.parametrize("name", ["x\\n     Function", "x\\\\", "x\\r", "`x\\n`"])
def test_a_name_does_not_write_lines_into_the_tree(node: NodeProcess, http: urllib3.PoolManager, name: str) -> None:
    assert ask(http, node, "SELECT {n:Identifier}", param_n=name).headers["x-clickhouse-exception-code"] == "497"
    quoted = name.replace("`", "")
    for text in (f"SELECT 1 AS `{quoted}`", f'SELECT 1 AS "{quoted}"', "SELECT 1 AS `a\nb`"):
        assert ask(http, node, text).status == 403
    assert ask(http, node, "SELECT '`a\\n`' AS `b c`").status == 200


def test_the_machine_has_no_name(node: NodeProcess, http: urllib3.PoolManager) -> None:
    assert ask(http, node, "SELECT displayName()").data == b"spanbook\n"


def test_a_client_may_ask_what_it_may_set(node: NodeProcess, http: urllib3.PoolManager) -> None:
    answer = ask(http, node, "SELECT name, value, readonly FROM system.settings WHERE name = 'max_execution_time'")
    assert answer.data.split() == [b"max_execution_time", b"60", b"0"]
