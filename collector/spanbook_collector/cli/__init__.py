"""The command line: one module per command, found by name; nothing heavy is imported before it is needed."""

from spanbook_collector.cli.main import main

__all__ = ["main"]
