"""The store: ClickHouse over HTTP, its migrations and queries, and the embedded node."""
