"""Twice the load that can be stored, until the queue is full and long after: what stays bounded, and that nothing goes.

    .venv/bin/python benchmarks/overload.py --seconds 600

The queue is made smaller than by default, so that it is full for most of the run. Clients are then told to come again;
what was acknowledged must be in SQL, whole and once, when the queue has drained.
"""

import statistics

from rig import Collector, Load, Watch, arguments, collector, report, table

_MUST = {"receiver": 250, "writer": 250, "node": 1500}  # MB; receiver and writer together


def main() -> None:
    options = arguments(__doc__, rate=(20_000.0, 2000.0), seconds=(120.0, 5.0), queue_mb=(256, 16))
    with collector(queue_max_bytes=str(options.queue_mb * 1024 * 1024)) as running:
        ledger = running.log.with_name("ledger")
        load_options = ("--batch", "500", "--concurrency", "2", "--rate", f"{options.rate:.0f}")
        with Load(ledger, running.grpc, *load_options, seconds=options.seconds) as load, Watch.of(running) as watch:
            told = load.finish()
            stored = running.value("SELECT count() FROM otel_traces") / watch.seconds
        running.wait_until(running.drained, "drained", 1200)
        promised = load.acknowledged()
        missing, doubled = _compared(running, promised)
    report(f"Overload: {options.rate:.0f} spans/s offered for {watch.seconds:.0f} s")
    rows = [_memory(name, [one[name] for one in watch.resident], _MUST[name]) for name in _MUST]
    both = [one["receiver"] + one["writer"] for one in watch.resident]
    rows.insert(2, _memory("receiver + writer", both, 250))
    table(["process", "median of each third, MB", "", "", "at the end, MB", "most, MB", "must MB"], rows)
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(told["codes"].items()))
    print(f"{told['spans_accepted'] / watch.seconds:.0f} spans/s acknowledged, {stored:.0f} stored; answers {codes}.")
    print(f"Of {len(promised)} traces acknowledged {missing} are missing, {doubled} spans are there twice.")


def _memory(name: str, resident: list[int], must: int) -> list[object]:
    megabytes = [round(size / 1e6) for size in resident]
    third = -(-len(megabytes) // 3)
    thirds = [megabytes[start : start + third] for start in range(0, len(megabytes), third)]
    return [name, *(round(statistics.median(one)) for one in thirds), max(megabytes[-10:]), max(megabytes), must]


def _compared(running: Collector, promised: set[str]) -> tuple[int, int]:
    """Return how many acknowledged traces are not whole in SQL, and how many spans are there more than once."""
    whole = set()
    for digit in "0123456789abcdef":
        digits = f"SELECT TraceId FROM otel_traces WHERE startsWith(TraceId, '{digit}')"
        sql = f"{digits} GROUP BY TraceId HAVING uniqExact(SpanId) = 5"
        whole |= {str(row[0]) for row in running.query(sql)}
    doubled = running.value("SELECT count() - uniqExact(TraceId, SpanId) FROM otel_traces")
    return len(promised - whole), int(doubled)


if __name__ == "__main__":
    main()
