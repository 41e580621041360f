"""Whole collectors as users run them, for tests, benchmarks and soaks."""
