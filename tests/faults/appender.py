"""A process that appends to a queue as hard as it can, to be killed: `python -m faults.appender OPTIONS`.

It writes a line to stdout for each request that it sends (`sent ID`) and that is acknowledged (`ack ID`). Bodies are
pure functions of their ids.
"""

import argparse
import asyncio
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from spanbook_collector.queue import Limits, Queue, QueueError
from spanbook_schemas.signals import Signal


def body_of(number: int) -> bytes:
    """Return the request with this id: 0.2 to 20 KB, no two alike."""
    return b"%d:" % number + bytes([number % 256]) * (200 + number * 7919 % 20_000)


def id_of(body: bytes) -> int:
    """Return a request's id; -1 when it is not one of ours, byte for byte."""
    text = body.partition(b":")[0]
    return int(text) if text.isdigit() and body == body_of(int(text)) else -1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--first", type=int, default=0, help="id of the first new request")
    parser.add_argument("--again", type=int, nargs="*", default=[], help="ids to send before that")
    parser.add_argument("--producers", type=int, default=16)
    parser.add_argument("--segment-bytes", type=int, default=512 << 10)
    parser.add_argument("--no-fsync", action="store_true", help="the negative control: acknowledge what is not on disk")
    options = parser.parse_args()
    if options.no_fsync:
        os.fsync = os.fdatasync = lambda handle: None
    asyncio.run(append(options))


async def append(options: argparse.Namespace) -> None:
    limits = Limits(
        segment_bytes=options.segment_bytes,
        min_free_bytes=1 << 20,
        ballast_bytes=64 << 10,
        reserve_seconds=0,
        reserve_bytes=16 << 20,
    )
    queue = Queue.open(options.directory, limits)
    numbers = itertools.chain(options.again, itertools.count(options.first))
    await asyncio.gather(*(produce(queue, numbers) for _ in range(options.producers)))


async def produce(queue: Queue, numbers: Iterator[int]) -> None:
    for number in numbers:
        say(f"sent {number}")
        try:
            await queue.append("t", Signal.TRACES, body_of(number), number)
        except QueueError:
            await asyncio.sleep(0.01)
        else:
            say(f"ack {number}")


def say(line: str) -> None:
    try:
        os.write(1, line.encode() + b"\n")
    except OSError:  # whoever listened is gone
        sys.exit(1)


if __name__ == "__main__":
    main()
