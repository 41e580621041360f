"""Spans, events and metrics against the GenAI semantic conventions."""
