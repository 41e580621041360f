"""OTLP out: the queued bytes, as they came, to an endpoint of somebody else's, over gRPC or HTTP.

Every destination has its own cursor and its own quota, so one that is sick or slow delays nobody and fills nothing.
OTLP knows no deduplication: a destination gets every request at least once. What it refuses for good is set aside.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from functools import partial

from spanbook_collector import metrics
from spanbook_collector.config import Forward
from spanbook_collector.dead_letters import DeadLetter, DeadLetters
from spanbook_collector.exporters.backlog import Backlog
from spanbook_collector.exporters.endpoints import Endpoint, Outcome, Verdict, connected
from spanbook_collector.queue import QueueReader, Record
from spanbook_schemas.addresses import without_secret

log = logging.getLogger("spanbook.collector")

AT_ONCE = 8  # requests under way to one destination
TAKE_BYTES = 8 * 1024 * 1024
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two tries


class OtlpExporter:
    """Sends everything in the queue to one endpoint."""

    def __init__(self, reader: QueueReader, forward: Forward, dead_letters: DeadLetters) -> None:
        self._backlog = Backlog(reader, TAKE_BYTES, 0.0)
        self._forward, self._dead_letters = forward, dead_letters
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._stop = asyncio.Event()
        self._told = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; what is not answered by then is sent again after the next start."""
        self._stop = stop
        async with contextlib.AsyncExitStack() as stack:
            endpoint = await self._connected(stack)
            while endpoint and (records := await self._backlog.take(stop)):
                take = self._backlog.begun(records[-1].seq)
                sent = await asyncio.gather(*(self._send(endpoint, record) for record in records))
                if all(sent):
                    await self._durably(partial(self._backlog.done, take))

    async def deliver_again(self, letter: DeadLetter, body: bytes) -> str:
        """Send a dead letter; returns why it is refused, now or still, and nothing when it is taken."""
        async with connected(self._forward) as endpoint:
            outcome = await endpoint.send(letter.signal, body)
        # Who asks to come later has not judged it: it was refused for what it was refused for.
        return {Verdict.TAKEN: "", Verdict.REFUSED: outcome.reason, Verdict.LATER: letter.reason}[outcome.verdict]

    async def _connected(self, stack: contextlib.AsyncExitStack) -> Endpoint | None:
        """Open the endpoint; one whose TLS files cannot be read waits for them, and nobody else does."""
        while not self._stop.is_set():
            try:
                return await stack.enter_async_context(connected(self._forward))
            except OSError as error:
                self._tell(f"its TLS files: {error}")
            await self._wait(LONGEST_PAUSE)
        return None

    async def _send(self, endpoint: Endpoint, record: Record) -> bool:
        """Send one request until it is answered for good, or dropped; False when there was no time left for that."""
        pause = SHORTEST_PAUSE
        async with self._slots:
            while not self._stop.is_set():
                if self._backlog.dropped(record):
                    return True
                outcome = await endpoint.send(record.signal, record.body)
                if outcome.verdict is not Verdict.LATER:
                    return await self._settle(record, outcome)
                self._tell(outcome.reason)
                await self._durably(self._backlog.keep_within_quota)
                await self._wait(outcome.delay or pause * random.uniform(0.7, 1.3))
                pause = min(pause * 2, LONGEST_PAUSE)
        return False

    async def _settle(self, record: Record, outcome: Outcome) -> bool:
        """Count what was taken and set aside what was refused; False when there was no time left for that."""
        self._told = ""
        if outcome.verdict is Verdict.TAKEN:
            metrics.EXPORTED_REQUESTS.labels(self._forward.name).inc()
            return True
        written = await self._durably(lambda: self._dead_letters.put(record, outcome.reason))
        if written:
            metrics.DEAD_LETTERS.labels(record.signal).inc()
        return written

    async def _durably(self, write: Callable[[], None]) -> bool:
        """Write something down, waiting out a full disk; False when stopped before."""
        while not self._stop.is_set():
            try:
                write()
            except OSError as error:
                self._tell(f"cannot write down what became of a request: {error.strerror}")
            else:
                return True
            await self._wait(SHORTEST_PAUSE)
        return False

    def _tell(self, reason: str) -> None:
        """Say once why nothing goes on, and again when the reason changes."""
        if reason != self._told:
            log.warning("forwarding to %s waits: %s", without_secret(self._forward.url), reason)
            self._told = reason

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
