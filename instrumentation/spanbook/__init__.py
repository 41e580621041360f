"""Instrument GenAI applications: spans that follow the OpenTelemetry GenAI conventions."""

from . import openai
from ._settings import configure

__all__ = ["configure", "openai"]
