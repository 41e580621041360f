"""How long after it was acknowledged a span is in `spans`, and its trace is right in `traces`, under half of the load.

    .venv/bin/python benchmarks/latency.py

Beside the load, probes are sent one by one: a trace of two spans in one request, or in two requests that are 0.3 s
apart. The clock starts at the last acknowledgement and stops when SQL shows it, 0.2 s late at most.
"""

import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rig import Collector, Load, arguments, collector, report, table

_PAUSE = 0.15  # seconds between looks: without it they take a core from what they measure
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_SPANS = "SELECT trace_id FROM spans WHERE trace_id IN {ids:Array(String)} GROUP BY trace_id HAVING count() = 2"
_TRACES = "SELECT trace_id FROM traces WHERE trace_id IN {ids:Array(String)} AND span_count = 2 AND status = 'OK'"


@dataclass
class Probe:
    """A trace that was acknowledged, and after how many seconds each view had it."""

    acknowledged: float
    split: bool
    seen: dict[str, float] = field(default_factory=dict)


def main() -> None:
    options = arguments(__doc__, rate=(5000.0, 200.0), seconds=(40.0, 4.0))
    load_options = ("--batch", "500", "--concurrency", "2", "--rate", f"{options.rate:.0f}")
    with collector() as running, grpc.insecure_channel(running.grpc) as channel:
        export: Callable[[bytes], bytes] = channel.unary_unary(_EXPORT)
        seconds = options.seconds + 5
        with Load(running.log.with_name("ledger"), running.grpc, *load_options, seconds=seconds) as load:
            probes = _probed(running, export, options.seconds)
            load.finish()
    report(f"Acknowledged to visible, at {options.rate:.0f} spans/s")
    rows = []
    for split, name in ((False, "whole"), (True, "in two requests")):
        for view, must in (("spans", 1.0), ("traces", 3.0)):
            rows.append([name, view, *_quantiles([probe.seen[view] for probe in probes if probe.split is split]), must])
    table(["trace", "view", "probes", "p50 s", "p95 s", "longest s", "must s"], rows)


def _quantiles(seconds: list[float]) -> list[object]:
    ordered = sorted(seconds)
    return [len(ordered), statistics.median(ordered), ordered[int(0.95 * len(ordered))], ordered[-1]]


def _probed(running: Collector, export: Callable[[bytes], bytes], seconds: float) -> list[Probe]:
    probes: dict[str, Probe] = {}
    halves: dict[str, tuple[bytes, float]] = {}  # second request of a split trace, and when to send it
    began = sent = time.monotonic()
    split = False
    while (open_now := _unseen(probes)) or halves or time.monotonic() < began + seconds:
        now = time.monotonic()
        if now < began + seconds and now > sent + 0.25:
            sent, split = now, not split
            trace, root, child = _trace()
            export(child if split else child + root)
            if split:
                halves[trace] = (root, now + 0.3)
            else:
                probes[trace] = Probe(time.monotonic(), split)
        for trace, (request, due) in list(halves.items()):
            if due <= now:
                export(request)
                probes[trace] = Probe(time.monotonic(), True)
                del halves[trace]
        for view, sql in (("spans", _SPANS), ("traces", _TRACES)):
            _look(running, probes, [trace for trace in open_now if view not in probes[trace].seen], view, sql)
        time.sleep(_PAUSE)
    return list(probes.values())


def _unseen(probes: dict[str, Probe]) -> list[str]:
    return [trace for trace, probe in probes.items() if len(probe.seen) < 2]


def _look(running: Collector, probes: dict[str, Probe], traces: list[str], view: str, sql: str) -> None:
    if not traces:
        return
    ids = "[" + ",".join(f"'{trace}'" for trace in traces) + "]"
    for (trace,) in running.query(sql, ids=ids):
        probes[trace].seen[view] = time.monotonic() - probes[trace].acknowledged


def _trace() -> tuple[str, bytes, bytes]:
    """Return a trace id, and its two spans as a request each; requests can be joined."""
    trace, root, child = secrets.token_bytes(16), secrets.token_bytes(8), secrets.token_bytes(8)
    return trace.hex(), _request(trace, root, b""), _request(trace, child, root)


def _request(trace: bytes, span_id: bytes, parent: bytes) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = resource.resource.attributes.add()
    service.key, service.value.string_value = "service.name", "probe"
    span = resource.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.parent_span_id, span.name = trace, span_id, parent, "probe"
    span.start_time_unix_nano = time.time_ns()
    span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000
    return request.SerializeToString()


if __name__ == "__main__":
    main()
