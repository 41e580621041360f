"""CPU a span of all processes, against a bare INSERT SELECT of the very blocks that they stored.

    .venv/bin/python benchmarks/floor.py

The collector takes a fixed number of spans; its blocks are then copied out of its store into Memory tables of a second
node, whose `INSERT INTO otel_traces SELECT * FROM block` has the same settings, tables and indexes; then all that came
goes through the views of traces, as much at once as the collector would take at most. Both sides count until nothing is
left to merge, less what they use at rest (shown); otel_traces merges some forty inserts at once, so there have to be
more. What is above 1 is what receiving, keeping, decoding, mapping and deriving in small steps cost.
"""

import asyncio
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import psutil
from rig import SPLIT, Collector, Load, Watch, arguments, collector, idle, report, table

from spanbook_storage.inserts import Place
from spanbook_storage.node.process import NodeProcess
from spanbook_storage.store import INSERT_SETTINGS, open_store
from spanbook_storage.traces import gather_traces, list_inserts


def main() -> None:
    options = arguments(__doc__, spans=(600_000, 1000), batch=500, late=60.0, shape="both")
    late = min(options.late, 1.0) if options.tiny else options.late
    rows = []
    shapes = {"whole": ("whole", ()), "split": ("split in 3, 1 in 20 late", (*SPLIT, str(late)))}
    for name, shape in shapes.values() if options.shape == "both" else [shapes[options.shape]]:
        with collector() as running, tempfile.TemporaryDirectory(prefix="spanbook-bench-") as directory:
            cpu, client = _collected(running, options.spans, options.batch, shape)
            bare, blocks = _bare(running, Path(directory))
        spans = options.spans
        cells = [client, cpu["receiver"] / spans * 1e6, cpu["writer"] / spans * 1e6, cpu["node"] / spans * 1e6]
        every = sum(cpu.values())
        rows.append([name, spans // blocks, *cells, every / spans * 1e6, bare / spans * 1e6, f"{every / bare:.2f}x"])
    report("CPU a span against a bare INSERT SELECT")
    heads = [
        "traces",
        "spans a block",
        "load generator µs",
        "receiver µs",
        "writer µs",
        "node µs",
        "all µs",
        "bare µs",
        "ratio",
    ]
    table(heads, rows)


def _collected(running: Collector, spans: int, batch: int, shape: tuple[str, ...]) -> tuple[dict[str, float], float]:
    """Return the CPU seconds of each process for so many spans, and the generator's CPU µs a span."""
    ledger = running.log.with_name("ledger")
    options = ("--batch", str(batch), "--concurrency", "2", "--max-traces", str(spans // 5), *shape)
    with Load(ledger, running.grpc, *options, seconds=600) as load, Watch.of(running) as watch:
        told = load.finish()
        assert told["spans_accepted"] == spans, told
        running.wait_until(running.drained, "drained", 600)
        running.wait_until(lambda: _derived(running) == spans, "derived", 120)
        node = running.part("node")
        assert node is not None
        idle(node)
        return _without_rest(watch), told["client_cpu_s"] / spans * 1e6


def _without_rest(watch: Watch) -> dict[str, float]:
    """Return the CPU seconds less what the processes use when there is nothing to do: that is no matter of spans."""
    used, seconds = watch.cpu(), watch.seconds
    time.sleep(10.0)
    later, rested = watch.cpu(), watch.seconds - seconds
    rest = {name: (later[name] - used[name]) / rested for name in used}
    print(f"  at rest, cores: {', '.join(f'{name} {share:.3f}' for name, share in rest.items())}", flush=True)
    return {name: used[name] - rest[name] * seconds for name in used}


def _derived(running: Collector) -> int:
    return int(running.value("SELECT sum(span_count) FROM traces"))


def _bare(running: Collector, directory: Path) -> tuple[float, int]:
    """Return the CPU seconds of inserting the collector's blocks once more, and how many there are."""
    batches = [row[0] for row in running.query("SELECT DISTINCT _batch FROM otel_traces ORDER BY _batch")]
    with NodeProcess(directory / "node", options=("--memory-mb", "6000")) as node:
        asyncio.run(_migrate(node))
        for batch in batches:
            _execute(node, f"CREATE TABLE block_{batch} ENGINE = Memory AS otel_traces")
            _execute(node, f"INSERT INTO block_{batch} FORMAT Native", _block(running, batch))
        process = psutil.Process(node.pid)
        idle(process)
        with Watch(node=process) as watch:
            for batch in batches:
                settings = {name: str(value) for name, value in INSERT_SETTINGS.items()}
                settings["insert_deduplication_token"] = str(batch)
                _execute(node, f"INSERT INTO otel_traces SELECT * FROM block_{batch}", settings=settings)
            asyncio.run(_gather(node))
            idle(process)
            return _without_rest(watch)["node"], len(batches)


def _block(running: Collector, batch: int) -> bytes:
    query = urlencode(
        {"database": "spanbook", "query": f"SELECT * FROM otel_traces WHERE _batch = {batch} FORMAT Native"}
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{running.ports['sql']}/?{query}", timeout=120) as answer:
        return bytes(answer.read())


def _execute(node: NodeProcess, sql: str, body: bytes = b"", settings: dict[str, str] | None = None) -> str:
    query = urlencode({"database": node.database, "query": sql, **(settings or {})})
    headers = {"X-ClickHouse-User": node.user, "X-ClickHouse-Key": node.secret}
    request = urllib.request.Request(f"{node.url}/?{query}", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=600) as answer:
        return str(answer.read().decode().strip())


async def _gather(node: NodeProcess) -> None:
    store = await open_store(node.dsn)
    await gather_traces(store, await list_inserts(store, Place()))
    await store.close()


async def _migrate(node: NodeProcess) -> None:
    store = await open_store(node.dsn)
    await store.migrate()
    await store.close()


if __name__ == "__main__":
    main()
