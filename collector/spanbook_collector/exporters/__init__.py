"""Where queued requests go: ClickHouse, and any number of OTLP endpoints."""
