"""What the receiver and the writer have in common as child processes.

The configuration comes as one line on standard input. The supervisor keeps that pipe open: its end means that the
supervisor is gone, however it died, and the child stops in good order.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from spanbook_collector.config import Config, restore
from spanbook_collector.errors import SpanbookError

log = logging.getLogger("spanbook.collector")

Main = Callable[[Config, asyncio.Event], Awaitable[None]]


def run(main: Main) -> None:
    """Run a child process: `main(config, stop)` until it returns; `stop` is set when it should.

    Exits with code 2 when what is wrong is in the configuration.
    """
    config = restore(sys.stdin.readline())
    set_up_logging(config.log_level)
    try:
        uvloop.run(_until_stopped(main, config))
    except SpanbookError as error:
        print(f"error: {error}\nhint: {error.hint}" if error.hint else f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def set_up_logging(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s %(message)s", stream=sys.stderr)


def say_ready() -> None:
    """Tell the supervisor that this process does its work."""
    print("ready", flush=True)


async def _until_stopped(main: Main, config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(sys.stdin.fileno(), _on_parent, loop, stop)
    await main(config, stop)


def _on_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()
