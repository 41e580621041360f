"""Readers' questions at millions of spans, through the HTTP port, and what a span takes on disk.

    .venv/bin/python benchmarks/queries.py --rows 10000000

A real node is filled with the load generator's spans through the landing table, and then copies them inside the node:
every copy has other ids, another hour of the last days, and its own word in each prompt, so prompts are distinct
though their other words repeat. Then the node merges as it does when an hour is over. Every question is asked with
other parameters each time; the first times are shown too.
"""

import asyncio
import random
import re
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from argparse import Namespace
from pathlib import Path
from urllib.parse import quote, urlencode

import otlp_load
import psutil
from rig import arguments, idle, report, table

from spanbook_collector.processors.stamp import stamp
from spanbook_schemas.signals import Signal
from spanbook_storage.inserts import Place
from spanbook_storage.node.process import NodeProcess
from spanbook_storage.store import INSERT_SETTINGS, Store, open_store
from spanbook_storage.traces import gather_traces, list_inserts
from spanbook_storage.usage import BUCKET, recompute_usage

_FILLED = ("otel_traces", "trace_rows", "trace_pieces")
_SHAPE = Namespace(service="support-bot", resource=[], payload_bytes=2048, error_rate=0.05, root_attr=[])
_TRACES_A_REQUEST = 100

_COPY = Path(__file__).with_name("copy.sql").read_text()
_QUESTION = re.compile(r"^-- ([^\n]+): (\d+)\n(.+?);$", re.MULTILINE | re.DOTALL)
_PICK = """
SELECT TraceId, extract(input_messages, 'ref-([0-9a-f]{12})'), experiment_id FROM otel_traces
WHERE input_messages LIKE '%ref-%' ORDER BY rand() LIMIT {times:UInt32}"""
_SIZES = """
SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts
WHERE active AND database = currentDatabase() GROUP BY table ORDER BY 3 DESC LIMIT 4"""


def main() -> None:
    options = arguments(__doc__, rows=(500_000, 2000), seed=(50_000, 500), times=(15, 2))
    questions = _QUESTION.findall(Path(__file__).with_name("questions.sql").read_text())
    with (
        tempfile.TemporaryDirectory(prefix="spanbook-bench-") as directory,
        NodeProcess(Path(directory) / "node", options=("--memory-mb", "3000")) as node,
    ):
        began = time.monotonic()
        asyncio.run(_fill(node, options.rows, options.seed))
        if not options.tiny:
            idle(psutil.Process(node.pid), 1200)
        took = time.monotonic() - began
        asked = [_asked(node, name, int(must), sql, options.times) for name, must, sql in questions]
        sizes = _sizes(node)
    report(f"Queries at {options.rows} spans, which took {took:.0f} s to make")
    table(["question", "median ms", "first ms", "slowest ms", "rows", "must ms"], asked)
    table(["table", "rows", "bytes a span", "parts"], sizes)


async def _fill(node: NodeProcess, rows: int, seed: int) -> None:
    store = await open_store(node.dsn)
    await store.migrate()
    await _seed(store, seed)
    copies, gathered = rows // seed, Place()
    step = max(1, 7 * 24 * 60 // copies)  # minutes: all of them lie within a week
    for copy in range(copies):
        settings = {**INSERT_SETTINGS, "exclude_materialize_skip_indexes_on_insert": ""}  # what merges would build
        given = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
        await store.command(f"{_COPY} SETTINGS {given}", {"copy": copy, "step": step})
        inserts = gathered.undone(await list_inserts(store, gathered))
        await gather_traces(store, inserts)
        gathered.pass_by(inserts)
    await store.command("DROP TABLE seed")
    start = f"intDiv(toUnixTimestamp(PartitionTime), {BUCKET}) * {BUCKET}"
    buckets = await store.query(f"SELECT DISTINCT {start} FROM otel_traces")
    for begin in range(0, len(buckets), 12):
        await recompute_usage(store, 1, [int(row[0]) for row in buckets[begin : begin + 12]])
    for name in _FILLED:  # as if the hour were over, after which a node merges what is left
        await store.command(f"ALTER TABLE {name} MODIFY SETTING min_age_to_force_merge_seconds = 1")
    await store.close()


async def _seed(store: Store, spans: int) -> None:
    """Store the generator's spans, and keep them as the table `seed`."""
    chance = random.Random("queries")
    pool = [otlp_load.Template(chance, _SHAPE, _TRACES_A_REQUEST) for _ in range(30)]
    each = _TRACES_A_REQUEST * otlp_load.SPANS_PER_TRACE
    for number in range(spans // each):
        body = pool[number % 30].fill(1, 0, number * _TRACES_A_REQUEST, time.time_ns() - 10**9)
        await store.insert(Signal.TRACES, [stamp(Signal.TRACES, body, "", time.time_ns(), number)], str(number))
    await store.command("CREATE TABLE seed ENGINE = Memory AS SELECT * FROM otel_traces")
    for name in _FILLED:
        await store.command(f"TRUNCATE TABLE {name}")


def _asked(node: NodeProcess, name: str, must: int, sql: str, times: int) -> list[object]:
    picked = _ask(node, _PICK, times=str(times))[1]
    seconds, found = [], 0
    for line in picked.splitlines():
        trace, reference, experiment = line.split("\t")
        took, answer = _ask(node, sql, trace_id=trace, experiment=experiment, word=reference)
        seconds.append(took * 1000)
        found = max(found, answer.count("\n"))
    if not found:
        sys.exit(f"no rows, so nothing to measure: {name}")
    return [name, statistics.median(seconds), seconds[0], max(seconds), found, must]


def _ask(node: NodeProcess, sql: str, **parameters: str) -> tuple[float, str]:
    """Return how long a reader waits for an answer, and the answer."""
    given = {f"param_{name}": value for name, value in parameters.items() if f"{{{name}:" in sql}
    url = f"{node.url}/?{urlencode({'database': node.database, **given}, quote_via=quote)}"
    began = time.monotonic()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=sql.encode()), timeout=120) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as refusal:
        sys.exit(f"cannot ask: {sql}\n{refusal.read().decode()}")
    return time.monotonic() - began, text


def _sizes(node: NodeProcess) -> list[list[object]]:
    spans = int(_ask(node, "SELECT count() FROM otel_traces")[1])
    sizes = node.client().query(_SIZES)
    return [[table, rows, round(size / spans), parts] for table, rows, size, parts in sizes.result_rows]


if __name__ == "__main__":
    main()
