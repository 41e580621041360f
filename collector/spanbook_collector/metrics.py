"""What the collector counts about itself, shown as Prometheus text by the web port.

Receiver and writer are processes of their own, so values travel through the files of prometheus_client's multiprocess
mode: `PROMETHEUS_MULTIPROC_DIR` has to be set before this module is imported. Labels take few, fixed values; nothing
that a client sends is one.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

RECEIVED_REQUESTS = Counter("spanbook_received_requests", "Requests acknowledged", ["signal", "transport"])
RECEIVED_ITEMS = Counter(
    "spanbook_received_items", "Spans, log records and data points acknowledged", ["signal", "transport"]
)
RECEIVED_BYTES = Counter("spanbook_received_bytes", "Bytes of bodies, decompressed", ["signal", "transport"])
REFUSED_REQUESTS = Counter("spanbook_refused_requests", "Requests refused, by reason", ["transport", "reason"])
REJECTED_ITEMS = Counter("spanbook_rejected_items", "Items rejected from requests that were taken", ["signal"])
REPAIRS = Counter("spanbook_repairs", "Values repaired or cut so that they could be kept", ["signal", "kind"])
CONNECTIONS = Gauge("spanbook_http_connections", "Open OTLP/HTTP connections", multiprocess_mode="livesum")
CLOSED_CONNECTIONS = Counter(
    "spanbook_http_connections_closed", "OTLP/HTTP connections closed by the receiver, by reason", ["reason"]
)
IN_FLIGHT_BYTES = Gauge("spanbook_in_flight_bytes", "Bytes of bodies in memory", multiprocess_mode="livesum")
ACKNOWLEDGE_SECONDS = Histogram(
    "spanbook_acknowledge_seconds",
    "From a body that was read to its record on disk",
    ["transport"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)

INSERT_SECONDS = Histogram(
    "spanbook_insert_seconds",
    "From a batch that is sent to ClickHouse's answer",
    ["signal"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
INSERTED_BYTES = Counter("spanbook_inserted_bytes", "Bytes that ClickHouse has taken", ["signal"])
INSERT_FAILURES = Counter("spanbook_insert_failures", "Inserts that failed, repeated ones included", ["kind"])
DEAD_LETTERS = Counter("spanbook_dead_letters", "Requests set aside because ClickHouse refuses them", ["signal"])
EXPORTED_REQUESTS = Counter("spanbook_exported_requests", "Requests taken by an exporter's destination", ["exporter"])
UNEXPORTED_BYTES = Gauge(
    "spanbook_unexported_bytes",
    "Bytes in the queue that an exporter has not sent",
    ["exporter"],
    multiprocess_mode="mostrecent",
)
UNEXPORTED_REQUESTS = Gauge(
    "spanbook_unexported_requests",
    "Requests that an exporter has not sent",
    ["exporter"],
    multiprocess_mode="mostrecent",
)
OLDEST_UNEXPORTED_SECONDS = Gauge(
    "spanbook_oldest_unexported_seconds", "Age of the oldest of them", ["exporter"], multiprocess_mode="mostrecent"
)
DROPPED_REQUESTS = Gauge(
    "spanbook_dropped_requests",
    "Requests that a forwarder lost to its quota",
    ["exporter"],
    multiprocess_mode="mostrecent",
)

DERIVATION_LAG_SECONDS = Gauge(
    "spanbook_derivation_lag_seconds", "Age of the oldest insert whose traces wait", multiprocess_mode="mostrecent"
)
RECOMPUTED_TRACES = Gauge(
    "spanbook_recomputed_traces", "Traces computed anew since the writer started", multiprocess_mode="mostrecent"
)
DERIVATION_BUSY_SECONDS = Gauge(
    "spanbook_derivation_busy_seconds", "Time spent on that", multiprocess_mode="mostrecent"
)


def exposition() -> bytes:
    """Return the values of all processes as Prometheus text."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
