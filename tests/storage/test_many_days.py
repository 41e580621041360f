"""What came on many days is written at once: a queue that waited for long, traces of a year that are computed anew."""

import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanbook_collector.processors.stamp import stamp
from spanbook_schemas.signals import Signal
from spanbook_storage.derivation import Derivation

DAYS = 110  # ClickHouse's own limit of partitions in an insert is 100
DAY = 86_400 * 10**9


def spans(number: int, parent: int) -> list[bytes]:
    """For each day a request that was sent and received then, with one span of that day's trace."""
    requests = []
    for days_ago in range(DAYS):
        then = time.time_ns() - days_ago * DAY
        request = ExportTraceServiceRequest()
        request.resource_spans.add().scope_spans.add().spans.add(
            trace_id=b"days" + days_ago.to_bytes(12, "big"), span_id=number.to_bytes(8), name=f"span {number}",
            parent_span_id=parent.to_bytes(8) if parent else b"",
            start_time_unix_nano=then, end_time_unix_nano=then + 10**9,
        )  # fmt: skip
        requests.append(stamp(Signal.TRACES, request.SerializeToString(), "", then, number))
    return requests


def test_what_came_on_many_days_is_stored_at_once_and_its_traces_are_right(book: Any) -> None:
    derivation = Derivation(book.store)
    for token, batch in (("roots", spans(1, 0)), ("children", spans(2, 1))):
        book.run(book.store.insert(Signal.TRACES, batch, token))
    while book.run(derivation.tick()):
        pass
    counted = "SELECT count(), uniqExact(toDate(start_time)), sum(span_count) FROM traces"
    assert book.query(counted) == [(DAYS, DAYS, 2 * DAYS)]
    raw = "SELECT count(), uniqExact(toDate(PartitionTime)) FROM otel_traces"
    assert book.query(raw) == [(2 * DAYS, DAYS)]
