"""A real receiver to send to: both servers, the real processors and the real queue, on a loop of their own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvloop

from spanbook_collector.config import Address, Config, QueueSettings, ReceiverSettings
from spanbook_collector.queue.reader import QueueReader
from spanbook_collector.queue.records import Record
from spanbook_collector.receiver import listening


@dataclass(frozen=True)
class Running:
    """A receiver that runs."""

    config: Config
    grpc_port: int
    http_port: int

    def records(self) -> list[Record]:
        """Return all that is in the queue."""
        return QueueReader.open(self.config.data / "queue", "test").read(1 << 30)

    def bodies(self) -> list[bytes]:
        return [record.body for record in self.records()]


@contextlib.contextmanager
def running(config: Config) -> Iterator[Running]:
    """Run a receiver in a thread."""
    ports: Future[tuple[int, int]] = Future()
    stop: Future[Callable[[], None]] = Future()

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.set_result(lambda: loop.call_soon_threadsafe(stopped.set) and None)
        try:
            async with listening(config) as found:
                ports.set_result(found)
                await stopped.wait()
        except BaseException as error:
            if ports.done():
                raise
            ports.set_exception(error)

    thread = threading.Thread(target=lambda: uvloop.run(main()), name="receiver")
    thread.start()
    try:
        yield Running(config, *ports.result(20))
    finally:
        stop.result(20)()
        thread.join(20)
        assert not thread.is_alive()


def config_in(data: Path, **settings: Any) -> Config:
    """Return a configuration on free loopback ports; `settings` are those of the receiver."""
    anywhere = Address("127.0.0.1", 0)
    return Config(
        data=data,
        grpc=anywhere,
        http=anywhere,
        receiver=replace(ReceiverSettings(), **settings),
        queue=QueueSettings(min_free_bytes=0),
    )
