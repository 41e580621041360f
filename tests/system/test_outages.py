"""ClickHouse away, ill or hostile: clients notice nothing, nothing promised is lost, and all of it recovers alone.

There is a collector for each fault of the network or the server, and all have their outages at one time, since an
outage is waiting.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import pytest

from faults.proxy import Fault, FaultProxy
from running.collector import Collector, node_with_schema
from running.load import Load
from spanbook_storage.node.process import NodeProcess

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
SECONDS = 120.0 if os.environ.get("SPANBOOK_SOAK") else 30.0
LONG_SECONDS = 600.0 if os.environ.get("SPANBOOK_SOAK") else 30.0
MEMORY = 250 << 20  # receiver and writer together


@dataclass
class Survivor:
    """A collector behind a proxy, and the load on it."""

    collector: Collector
    proxy: FaultProxy
    load: Load
    promised_before: int = 0  # traces, when the outage began
    promised_after: int = 0  # and when it was over

    @classmethod
    def start(cls, fault: Fault, place: Path, node: NodeProcess, stack: ExitStack) -> Self:
        proxy = stack.enter_context(FaultProxy(node.port))
        store = node.dsn.replace(f":{node.port}/", f":{proxy.port}/")
        # A batch costs the store its planning, and here are many writers to one of them.
        collector = Collector(place, f"--store={store}", "--writer-batch-seconds=2", prepared=False).start(wait=False)
        stack.callback(collector.stop)
        return cls(collector, proxy, _load(place, collector, SECONDS, seed=FAULTS.index(fault) + 1))

    def is_under_load(self) -> bool:
        return len(self.load.acknowledged()) > 50


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    place = tmp_path_factory.mktemp("outages") / "node"
    shutil.copytree(node_with_schema(), place, symlinks=True)
    with NodeProcess(place) as process:
        yield process


@pytest.fixture(scope="module")
def survivors(tmp_path_factory: pytest.TempPathFactory, node: NodeProcess) -> Iterator[Mapping[Fault, Survivor]]:
    """Those that have been through their outage, and go on under load."""
    with ExitStack() as stack:
        started = {
            fault: Survivor.start(fault, tmp_path_factory.mktemp(fault.name.lower()), node, stack) for fault in FAULTS
        }
        for survivor in started.values():
            survivor.collector.wait_until(survivor.collector.ready, "ready")
        for survivor in started.values():
            stack.enter_context(survivor.load)
        for survivor in started.values():
            survivor.collector.wait_until(survivor.is_under_load, "under load")
        for fault, survivor in started.items():
            survivor.promised_before = len(survivor.load.acknowledged())
            survivor.proxy.fault(fault)
        threading.Event().wait(SECONDS)
        for survivor in started.values():
            survivor.promised_after = len(survivor.load.acknowledged())
            survivor.proxy.fault(Fault.NONE)
        yield started


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_an_outage_costs_no_acknowledged_span(
    node: NodeProcess, survivors: Mapping[Fault, Survivor], fault: Fault
) -> None:
    survivor = survivors[fault]
    assert survivor.promised_after > survivor.promised_before
    _everything_is_there(survivor.collector, survivor.load, node)


def test_a_node_that_hangs_for_long_is_waited_for(tmp_path: Path) -> None:
    with Collector(tmp_path) as collector, _load(tmp_path, collector, LONG_SECONDS) as load:
        collector.wait_until(lambda: len(load.acknowledged()) > 50, "under load")
        hung = collector.part("node")
        assert hung is not None
        before = len(load.acknowledged())
        hung.send_signal(signal.SIGSTOP)
        threading.Event().wait(LONG_SECONDS)
        assert len(load.acknowledged()) > before
        hung.send_signal(signal.SIGCONT)
        _everything_is_there(collector, load)


def _load(place: Path, collector: Collector, seconds: float, seed: int = 100) -> Load:
    """More than the outage lasts, in traces of this load alone."""
    options = ("--batch", "50", "--rate", "300", "--payload-bytes", "512", "--seed", str(seed), "--error-rate", "0")
    return Load(place / "ledger", collector.grpc, *options, seconds=seconds + 10)


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
