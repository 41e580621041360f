"""The web port: one page, health, and Prometheus metrics."""
