"""How many spans a second become visible in SQL while the queue does not grow; whole, and split with late parts.

    .venv/bin/python benchmarks/throughput.py

A closed loop would only fill the queue. So the load comes at a fixed rate, first at what a flood showed to be stored,
then faster or slower, until the highest rate is known at which the queue is as short at the end as in the middle.
"""

import dataclasses
import time
from pathlib import Path

from rig import SPLIT, Collector, Load, Watch, arguments, collector, report, table

STEP = 1.15  # between two rates that are tried


@dataclasses.dataclass
class Trial:
    """One run at a rate, looked at between its first third and its end."""

    rate: float
    visible: float  # spans/s
    lag_seconds: float  # how long what waits at the end would take
    grew: bool
    client: float  # CPU µs a span, the load generator's
    cpu: dict[str, float]  # CPU µs a span, by process
    peak: dict[str, int]

    @property
    def holds(self) -> bool:
        return not self.grew and self.visible > 0.97 * self.rate


def main() -> None:
    options = arguments(__doc__, rate=(0.0, 500.0), seconds=(40.0, 4.0), late=60.0, trials=(4, 1), shape="both")
    rows = []
    if options.shape in ("both", "whole"):
        rows.append(("whole", _best(options.rate, options.seconds, options.trials, ())))
    if options.shape in ("both", "split"):
        late = min(options.late, options.seconds / 2)
        rate = options.rate or (rows[-1][1].visible if rows else 0.0)
        # The late parts have to come within the run.
        rows.append(
            ("split in 3, 1 in 20 late", _best(rate, options.seconds + 1.5 * late, options.trials, (*SPLIT, str(late))))
        )
    report("Visible spans a second")
    heads = ["traces", "visible spans/s", "of the 10,000", "queue at the end, s", "load generator µs", "receiver µs"]
    heads += ["writer µs", "node µs", "all µs", "receiver MB", "writer MB", "node MB"]
    table(heads, [[name, *_cells(trial)] for name, trial in rows])


def _cells(trial: Trial) -> list[object]:
    cpu, peak = trial.cpu, trial.peak
    found: list[object] = [round(trial.visible), f"{trial.visible / 10_000:.2f}x", trial.lag_seconds, trial.client]
    found += [cpu["receiver"], cpu["writer"], cpu["node"], sum(cpu.values())]
    return found + [round(peak[part] / 1e6) for part in ("receiver", "writer", "node")]


def _best(rate: float, seconds: float, trials: int, shape: tuple[str, ...]) -> Trial:
    """Return the trial at the highest rate that holds, or the last one when none does."""
    with collector() as running:
        rate = rate or 1.2 * _flood(running, min(seconds, 20.0))
        best: Trial | None = None
        for number in range(trials):
            trial = _trial(running, rate, seconds, shape, seed=number + 2)
            print(
                f"  {rate:.0f} spans/s: visible {trial.visible:.0f}, {'holds' if trial.holds else 'too much'}",
                flush=True,
            )
            if trial.holds:
                best = trial
                rate *= STEP
            elif best is not None:
                break
            else:
                last, rate = trial, min(rate / STEP, max(trial.visible, rate / 2))
        return best or last


def _flood(running: Collector, seconds: float) -> float:
    """Return how many spans a second are stored under as much load as two senders can make."""
    ledger = running.log.with_name("flood")
    with (
        Load(ledger, running.grpc, "--batch", "500", "--concurrency", "2", seconds=seconds) as load,
        Watch.of(running) as watch,
    ):
        while load.running():
            time.sleep(0.1)
        stored = _visible(running) / watch.seconds
        load.finish()
    running.wait_until(running.drained, "drained", 600)
    return stored


def _trial(running: Collector, rate: float, seconds: float, shape: tuple[str, ...], seed: int) -> Trial:
    options = ("--batch", "500", "--concurrency", "2", "--rate", f"{rate:.0f}", "--seed", str(seed), *shape)
    ledger = Path(running.log.with_name(f"trial-{seed}"))
    with Load(ledger, running.grpc, *options, seconds=seconds) as load, Watch.of(running) as watch:
        time.sleep(seconds / 3)
        first, cpu, began, waited = _visible(running), watch.cpu(), watch.seconds, _lag(running)
        time.sleep(max(0.0, seconds - watch.seconds))
        last, used, ended, waits = _visible(running), watch.cpu(), watch.seconds, _lag(running)
        told = load.finish()
    running.wait_until(running.drained, "drained", 600)
    spans, visible = last - first, (last - first) / (ended - began)
    return Trial(
        rate,
        visible,
        waits / visible if visible else float("inf"),
        waits - waited > 2 * rate,
        told["client_cpu_s"] / told["spans_sent"] * 1e6,
        {name: (used[name] - cpu[name]) / max(spans, 1) * 1e6 for name in used},
        watch.peak,
    )


def _visible(running: Collector) -> int:
    return int(running.value("SELECT count() FROM otel_traces"))


def _lag(running: Collector) -> float:
    """Spans that wait for ClickHouse, by the bytes that do."""
    received = running.metric("spanbook_received_items_total") / max(running.metric("spanbook_received_bytes_total"), 1)
    return running.metric("spanbook_unexported_bytes") * received


if __name__ == "__main__":
    main()
