"""ClickHouse away, ill or hostile: clients notice nothing, nothing promised is lost, and all of it recovers alone."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faults.proxy import Fault, FaultProxy
from running.collector import Collector
from running.load import Load
from spanbook_storage.node.process import NodeProcess

SECONDS = 120.0 if os.environ.get("SPANBOOK_SOAK") else 6.0
LONG_SECONDS = 600.0 if os.environ.get("SPANBOOK_SOAK") else 30.0
MEMORY = 250 << 20  # receiver and writer together


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("node")) as process:
        yield process


@pytest.fixture(scope="module")
def proxy(node: NodeProcess) -> Iterator[FaultProxy]:
    with FaultProxy(node.port) as between:
        yield between


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory, node: NodeProcess, proxy: FaultProxy) -> Iterator[Collector]:
    """One collector, which lives through every fault in turn, as the one of an unlucky operator does."""
    store = node.dsn.replace(f":{node.port}/", f":{proxy.port}/")
    with Collector(tmp_path_factory.mktemp("survivor"), f"--store={store}") as collector:
        yield collector


@pytest.mark.parametrize(
    "fault", [fault for fault in Fault if fault is not Fault.NONE], ids=lambda fault: fault.name.lower()
)
def test_an_outage_costs_no_acknowledged_span(
    tmp_path: Path, node: NodeProcess, proxy: FaultProxy, survivor: Collector, fault: Fault
) -> None:
    with _load(tmp_path, survivor, SECONDS, fault) as load:
        survivor.wait_until(lambda: len(load.acknowledged()) > 100, "under load")
        proxy.fault(fault)
        try:
            _pass(load, SECONDS)
        finally:
            proxy.fault(Fault.NONE)
        _everything_is_there(survivor, load, node)


def test_a_node_that_hangs_for_long_is_waited_for(tmp_path: Path) -> None:
    with Collector(tmp_path) as collector, _load(tmp_path, collector, LONG_SECONDS, Fault.NONE) as load:
        collector.wait_until(lambda: len(load.acknowledged()) > 100, "under load")
        hung = collector.part("node")
        assert hung is not None
        hung.send_signal(signal.SIGSTOP)
        _pass(load, LONG_SECONDS)
        hung.send_signal(signal.SIGCONT)
        _everything_is_there(collector, load)


def _load(tmp_path: Path, collector: Collector, seconds: float, fault: Fault) -> Load:
    """More than the outage lasts, in traces of this test alone."""
    seed = str(list(Fault).index(fault) + 1)
    options = ("--batch", "50", "--rate", "500", "--payload-bytes", "512", "--seed", seed, "--error-rate", "0")
    return Load(tmp_path / "ledger", collector.grpc, *options, seconds=seconds + 3)


def _pass(load: Load, seconds: float) -> None:
    """Let the outage last; clients are answered meanwhile."""
    before = len(load.acknowledged())
    threading.Event().wait(seconds)
    assert len(load.acknowledged()) > before


def _everything_is_there(collector: Collector, load: Load, node: NodeProcess | None = None) -> None:
    report = load.finish()
    assert set(report["codes"]) == {"200"}
    collector.wait_until(collector.drained, "drained", seconds=180)
    assert _memory(collector) < MEMORY
    promised = load.acknowledged()
    assert len(promised) * 5 == report["spans_sent"]
    query = "SELECT TraceId, count(), uniqExact(SpanId) FROM otel_traces GROUP BY TraceId"
    if node is None:
        rows = [tuple(row) for row in collector.query(query)]
    else:
        with node.client() as client:
            rows = [tuple(row) for row in client.query(query).result_rows]
    stored = {trace: (rows_, spans) for trace, rows_, spans in rows}
    assert {trace: stored.get(trace) for trace in promised} == dict.fromkeys(promised, (5, 5))


def _memory(collector: Collector) -> int:
    parts = [part for part in map(collector.part, ("receiver", "writer")) if isinstance(part, psutil.Process)]
    return sum(part.memory_info().rss for part in parts)
