"""`spanbook`: parses the command line, runs one command, and turns errors into `error: …` and `hint: …`."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from spanbook_collector.errors import SpanbookError

COMMANDS = {
    "serve": "run the collector, the embedded ClickHouse and the web page",
    "demo": "send a realistic agent's traces to a running collector",
    "sql": "ask a question in SQL",
    "schema": "print or apply the tables and views",
    "check": "say what is wrong with this set-up",
    "keys": "make, list and revoke API keys",
    "replay": "send dead letters to ClickHouse again",
    "run": "run an untouched Python application with every known SDK traced",
}

# The extra that brings a module; every other one is brought by `server`.
EXTRAS = {"chdb": "embedded", "clickhouse_connect": "read"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `spanbook` with these arguments; return the exit code: 0 fine, 1 failed, 2 not usable as given."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    name = next((word for word in words if word in COMMANDS), "")
    try:
        command = importlib.import_module(f"spanbook_collector.cli.{name}") if name else None
        return int(_run(words, name, command) or 0)
    except SpanbookError as error:
        return _report(str(error), error.hint, error.exit_code)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        return _report(
            f"`spanbook {name}` needs {missing}", f"pip install 'spanbook[{EXTRAS.get(missing, 'server')}]'", 2
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(words: Sequence[str], name: str, command: Any) -> int | None:
    parser = argparse.ArgumentParser(
        prog="spanbook", description="OTLP in, SQL out: the book of what GenAI applications did."
    )
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for one, help_text in COMMANDS.items():
        choice = choices.add_parser(one, help=help_text, formatter_class=argparse.RawDescriptionHelpFormatter)
        if one == name:
            command.declare(choice)
    result: int | None = command.run(options) if (options := parser.parse_args(words)) and command else 0
    return result


def _report(message: str, hint: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return code
