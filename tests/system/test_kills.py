"""Nothing acknowledged is lost, and nothing is there twice, whatever is killed at whatever moment."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from running.collector import PARTS, Collector
from running.load import Load
from running.sums import wait_for_right_sums

KILLS = 100 if os.environ.get("SPANBOOK_SOAK") else 10


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_was_acknowledged_is_there_once_after_kills_under_load(tmp_path: Path, protocol: str) -> None:
    chance = random.Random(protocol)
    kills, victims = KILLS // 2, _victims(chance)
    with Collector(tmp_path) as collector:
        endpoint = collector.grpc if protocol == "grpc" else f"{collector.http}/v1/traces"
        options = ("--batch", "100", "--rate", "1000", "--payload-bytes", "512")
        with Load(tmp_path / "ledger", endpoint, *options, protocol=protocol, seconds=60 * kills) as load:
            for _ in range(kills):
                _wait_for(chance.randrange(20, 200), load, collector)
                _kill(collector, next(victims))
            _wait_for(200, load, collector)
            assert collector.stop() == 0  # as Ctrl-C does, in the middle of it all
            collector.start()
            _wait_for(100, load, collector)
        collector.wait_until(collector.drained, "drained")
        promised = load.acknowledged()
        assert len(promised) > 20 * kills
        assert _stored(collector) >= {(trace, 5) for trace in promised}
        twice = "SELECT count() - uniqExact(TraceId, SpanId) FROM otel_traces"
        assert collector.value(twice) == 0
        wait_for_right_sums(collector)
        assert collector.stop() == 0


def _wait_for(traces: int, load: Load, collector: Collector) -> None:
    """Wait until so many more traces are acknowledged."""
    wanted = len(load.acknowledged()) + traces
    collector.wait_until(lambda: len(load.acknowledged()) >= wanted, f"at {wanted} traces")


def _victims(chance: random.Random) -> Iterator[str]:
    """Each part, what supervises them, and everything at once, in an order that changes from round to round."""
    victims = (*PARTS, "supervisor", "all")
    while True:
        yield from chance.sample(victims, len(victims))


def _kill(collector: Collector, victim: str) -> None:
    if victim in ("supervisor", "all"):
        collector.kill_all() if victim == "all" else collector.kill_supervisor()
        collector.start(wait=False)
    else:
        collector.kill(victim)


def _stored(collector: Collector) -> set[tuple[str, int]]:
    """Each trace with the number of its distinct spans."""
    rows = collector.query("SELECT TraceId, uniqExact(SpanId) FROM otel_traces GROUP BY TraceId")
    return {(trace, spans) for trace, spans in rows}
