"""What a collector says about itself: health, metrics, the page, `check`, and what it has set aside."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.otlp import Code, GrpcClient, spans
from running.collector import Collector
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.queue import Limits, Queue, Record
from spanbook_schemas.signals import Signal

POISON = b"\x0a\x04\x12\x02\xff\xff"  # a resource with a scope that is no protobuf: only ClickHouse looks that deep
OLD_SPANS = "--retention-traces-days=365"  # those of `spans` are


def send(collector: Collector, body: bytes) -> int:
    client = GrpcClient(collector.ports["grpc"])
    try:
        return client.send(body).code
    finally:
        client.close()


def spanbook(collector: Collector, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "spanbook_collector", command, f"--data={collector.data}", *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def addresses(collector: Collector) -> list[str]:
    return [f"--{name}=127.0.0.1:{port}" for name, port in collector.ports.items()]


def test_the_start_says_what_listens_where(collector: Collector) -> None:
    said = collector.log.read_text()
    for name, port in collector.ports.items():
        assert re.search(rf"^  .*127\.0\.0\.1:{port}$", said, re.MULTILINE), name


def test_metrics_tell_of_what_came_waits_and_was_stored(told: Collector) -> None:
    assert send(told, b"\xff\xff") == Code.INVALID_ARGUMENT
    told.wait_until(told.drained, "drained")
    told.wait_until(lambda: told.metric("spanbook_unexported_requests") == 0, "counted")
    for name in (
        'spanbook_received_items_total{signal="traces",transport="grpc"}',
        'spanbook_received_items_total{signal="logs",transport="grpc"}',
        'spanbook_refused_requests_total{reason="bad_data",transport="grpc"}',
        'spanbook_acknowledge_seconds_count{transport="grpc"}',
        'spanbook_insert_seconds_count{signal="traces"}',
        'spanbook_insert_seconds_sum{signal="logs"}',
        'spanbook_inserted_bytes_total{signal="traces"}',
    ):
        assert told.metric(name) > 0, name
    text = told.get("/metrics")[1]
    for gauge in ("unexported_bytes", "unexported_requests", "oldest_unexported_seconds", "dropped_requests"):
        assert f'spanbook_{gauge}{{exporter="clickhouse"}} 0.0' in text


def test_the_page_says_how_to_begin_and_what_waits(told: Collector) -> None:
    page = told.get("/")[1]
    begin = page.partition("Send the first trace")[2].partition("<code>")[2].partition("</code>")[0]
    assert len(begin.splitlines()) == 3
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={told.http} " in begin
    assert re.search(r"clickhouse</th><td>(nothing|\d+ requests) waiting", page)


def test_without_clickhouse_it_lives_takes_what_comes_and_says_that_it_is_not_ready(tmp_path: Path) -> None:
    collector = Collector(tmp_path, "--store=clickhouse://127.0.0.1:1/spanbook", prepared=False)
    collector.start(wait=False)
    try:
        collector.wait_until(lambda: collector.get("/healthz")[0] == 200, "alive")
        assert collector.get("/readyz") == (503, "ClickHouse is not ready yet\n")
        assert send(collector, spans()) == 0
        collector.wait_until(lambda: collector.metric("spanbook_unexported_bytes") > 0, "waiting")
        page = collector.get("/")[1]
        assert "not ready: ClickHouse is not ready yet" in page
        assert "1 requests waiting" in page
        checked = spanbook(collector, "check", "--store=clickhouse://127.0.0.1:1/spanbook", *addresses(collector))
        assert checked.returncode == 1
        assert re.search(r"^FAIL +store ", checked.stdout, re.MULTILINE)
        assert re.search(r"^ok +clickhouse +1 requests wait", checked.stdout, re.MULTILINE)
    finally:
        assert collector.stop() == 0


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector with two requests in its queue that ClickHouse cannot read, and one that it can between them."""
    collector = Collector(tmp_path_factory.mktemp("poisoned"), OLD_SPANS)

    async def put() -> None:
        queue = Queue.open(collector.data / "queue", Limits(min_free_bytes=0))
        for signal, body in ((Signal.TRACES, POISON), (Signal.TRACES, spans(start=1)), (Signal.LOGS, POISON)):
            await queue.append("", signal, body, time.time_ns())
        await queue.close()

    with collector:
        assert collector.stop() == 0
        asyncio.run(put())
        collector.start()
        collector.wait_until(lambda: collector.metric("spanbook_dead_letters_total") == 2, "set aside")
        yield collector


def test_what_clickhouse_refuses_is_counted_shown_and_holds_up_nobody(poisoned: Collector) -> None:
    poisoned.wait_until(lambda: poisoned.value("SELECT count() FROM spans") == 1, "the other stored")
    for signal in ("traces", "logs"):
        assert poisoned.metric(f'spanbook_dead_letters_total{{signal="{signal}"}}') == 1
    assert '<th scope="row">dead letters</th><td class="number">2</td>' in poisoned.get("/")[1]
    checked = spanbook(poisoned, "check", *addresses(poisoned))
    assert re.search(r"^warn +dead letters +2 in \S+, the newest: .*DB::Exception", checked.stdout, re.MULTILINE)
    assert "hint: `spanbook replay` sends them again" in checked.stdout


def test_a_replay_stores_what_clickhouse_takes_now_and_says_what_it_still_refuses(poisoned: Collector) -> None:
    mended = Record(10**15, "", Signal.TRACES, time.time_ns(), spans(start=2))
    DeadLetters(poisoned.data / "dead-letters").put(mended, "refused by a view that somebody has mended since")
    replayed = spanbook(poisoned, "replay")
    assert replayed.returncode == 1
    assert replayed.stdout == "1 letters were taken\n"
    assert replayed.stderr.startswith("error: 2 letters were refused again")
    poisoned.wait_until(lambda: poisoned.value("SELECT count() FROM spans") == 2, "stored")
