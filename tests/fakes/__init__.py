"""Fakes of the outside world, for tests and examples."""
