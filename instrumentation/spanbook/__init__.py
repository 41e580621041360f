"""Instrument GenAI applications: spans that follow the OpenTelemetry GenAI conventions."""
