"""`spanbook run -- python app.py`: traces an application that knows nothing of Spanbook."""

import argparse

from spanbook import _run
from spanbook_collector.errors import SpanbookError


def declare(parser: argparse.ArgumentParser) -> None:
    parser.usage = "spanbook run -- COMMAND [ARGUMENT …]"
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="for example `python app.py`")


def run(options: argparse.Namespace) -> int:
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    try:
        _run.run(words)
    except (ValueError, FileNotFoundError) as error:
        message, _, hint = str(error).partition("\nhint: ")
        raise SpanbookError(message, hint) from error
