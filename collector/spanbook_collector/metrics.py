"""What the collector counts about itself, shown as Prometheus text by the web port.

Receiver and writer are processes of their own, so values travel through the files of prometheus_client's multiprocess
mode: `PROMETHEUS_MULTIPROC_DIR` has to be set before this module is imported. Labels take few, fixed values; nothing
that a client sends is one.
"""

from prometheus_client import Counter, Gauge, Histogram

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
