"""`spanbook replay`: has dead letters sent again by the running collector, once what was wrong has been put right."""

import argparse
import time

from spanbook_collector.cli.options import declare_settings, load_config
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.errors import SpanbookError

PATIENCE = 30.0  # seconds without progress


def declare(parser: argparse.ArgumentParser) -> None:
    declare_settings(parser, only=("data",))
    parser.add_argument("--forward", default="", dest="folder", help="the letters of a forward, by its folder's name")


def run(options: argparse.Namespace) -> int:
    letters = DeadLetters(load_config(options).data / "dead-letters" / options.folder)
    asked = list(letters.all())
    for letter in asked:
        letters.move(letter, letters.again, letter.reason)
    _wait(letters)
    refused = {letter.seq for letter in letters.all()} & {letter.seq for letter in asked}
    print(f"{len(asked) - len(refused)} letters were taken")
    if refused:
        raise SpanbookError(f"{len(refused)} letters were refused again", "`spanbook check` shows why")
    return 0


def _wait(letters: DeadLetters) -> None:
    left, since = letters.again.count(), time.monotonic()
    while left:
        time.sleep(0.1)
        if (now := letters.again.count()) != left:
            left, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise SpanbookError(
                f"{left} letters still wait in {letters.again.folder}",
                "they are sent when the collector runs: `spanbook serve`",
            )
