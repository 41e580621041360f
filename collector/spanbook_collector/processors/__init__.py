"""Stages: plain functions from OTLP bytes to OTLP bytes."""
