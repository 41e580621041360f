"""API keys, from the command line to rows: what one project sends, another never sees, by whatever way it asks."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

import pytest

from clients.otlp import Answer, Code, GrpcClient, HttpClient, spans
from running.collector import Collector

Keys = Mapping[str, str]
OLD_SPANS = "--retention-traces-days=365"  # those of `spans` are


def spanbook(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spanbook_collector", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, Keys]]:
    """A collector with the keys of two projects, each with a trace of the same name and id."""
    collector = Collector(tmp_path_factory.mktemp("projects"), OLD_SPANS)

    def create(project: str, *scopes: str) -> str:
        words = [word for scope in scopes for word in ("--scope", scope)]
        return spanbook("keys", f"--data={collector.data}", "create", f"--project={project}", *words).stdout.strip()

    keys = {"red": create("red"), "blue": create("blue"), "red ingest": create("red", "ingest")}
    keys["blue read"] = create("blue", "read")
    with collector:
        for project in ("red", "blue"):
            attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": f"secret of {project}"}
            assert send(collector, keys[project], spans(1, start=7, **attributes)).code == 0
            collector.wait_until(
                lambda project=project: rows(collector, keys[project], "SELECT count() FROM traces") == [[1]], "stored"
            )
        yield collector, keys


def send(collector: Collector, key: str, body: bytes, transport: str = "grpc") -> Answer:
    client: GrpcClient | HttpClient = (
        GrpcClient(collector.ports["grpc"]) if transport == "grpc" else HttpClient(collector.ports["http"])
    )
    try:
        return client.send(body, headers={"authorization": f"Bearer {key}"} if key else {})
    finally:
        client.close()


def rows(collector: Collector, key: str, sql: str) -> list[list[object]]:
    url = f"http://127.0.0.1:{collector.ports['sql']}/?database=spanbook&output_format_json_quote_64bit_integers=0"
    request = urllib.request.Request(url, f"{sql} FORMAT JSONCompactEachRow".encode(), {"X-ClickHouse-Key": key})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


@pytest.mark.parametrize("source", ["otel_traces", "spans", "llm_calls", "otel_traces_full"])
@pytest.mark.parametrize("project", ["red", "blue"])
def test_a_project_reads_its_own_rows_and_no_others(closed: tuple[Collector, Keys], project: str, source: str) -> None:
    collector, keys = closed
    found = json.dumps(rows(collector, keys[project], f"SELECT * FROM {source}"))
    assert f"secret of {project}" in found
    assert f"secret of {'red' if project == 'blue' else 'blue'}" not in found


def test_attributes_do_not_decide_whose_a_span_is(closed: tuple[Collector, Keys]) -> None:
    collector, keys = closed
    assert send(collector, keys["red ingest"], spans(1, start=8, tenant="blue", project="blue")).code == 0
    count = "SELECT count() FROM spans WHERE trace_id LIKE '%8'"
    collector.wait_until(lambda: rows(collector, keys["red"], count) == [[1]], "stored")
    assert rows(collector, keys["blue"], count) == [[0]]


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_a_key_that_only_reads_sends_nothing(closed: tuple[Collector, Keys], transport: str) -> None:
    collector, keys = closed
    for key in (keys["blue read"], "", "spanbook_wrong"):
        assert send(collector, key, spans(), transport).code in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)


@pytest.mark.parametrize("name", ["red ingest", "", "wrong"])
def test_a_key_that_only_sends_reads_nothing(closed: tuple[Collector, Keys], name: str) -> None:
    collector, keys = closed
    key = keys.get(name, name)
    with pytest.raises(urllib.error.HTTPError) as caught:
        rows(collector, key, "SELECT 1")
    with caught.value as refusal:
        assert refusal.code in (401, 403)
    assert collector.get("/", {"authorization": f"Bearer {key}"})[0] == 401
    assert collector.get("/metrics", {"authorization": f"Bearer {key}"})[0] == 401


def test_the_page_asks_for_a_key_and_counts_only_its_project(closed: tuple[Collector, Keys]) -> None:
    collector, keys = closed
    assert collector.get("/")[0] == 401
    password = base64.b64encode(f"anybody:{keys['blue']}".encode()).decode()
    status, page = collector.get("/", {"authorization": f"Basic {password}"})
    assert status == 200
    assert 'traces</th><td class="number">1<' in page
    assert collector.get("/healthz")[0] == collector.get("/readyz")[0] == 200


def test_the_command_line_takes_a_key(closed: tuple[Collector, Keys]) -> None:
    collector, keys = closed
    query = "SELECT input_messages FROM llm_calls"
    said = spanbook("sql", f"--store={collector.store}", f"--key={keys['blue read']}", "--format=tsv", query)
    assert said.stdout.splitlines()[1:] == ["secret of blue"], said.stderr
    refused = spanbook("sql", f"--store={collector.store}", query)
    assert refused.returncode == 1
    assert "Authentication failed" in refused.stderr


def test_a_key_that_was_taken_away_opens_nothing_any_more(closed: tuple[Collector, Keys]) -> None:
    collector, _ = closed
    key = spanbook("keys", f"--data={collector.data}", "create", "--project=green").stdout.strip()
    collector.wait_until(lambda: send(collector, key, spans()).code == 0, "let in")
    listed = spanbook("keys", f"--data={collector.data}", "list").stdout
    id = next(line.split()[0] for line in listed.splitlines() if "green" in line)
    assert key not in listed
    assert spanbook("keys", f"--data={collector.data}", "revoke", id).returncode == 0
    collector.wait_until(lambda: send(collector, key, spans()).code == Code.UNAUTHENTICATED, "shut out")
