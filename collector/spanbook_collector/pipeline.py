"""The one way that a request takes from either transport to the queue: admit, read, check, redact, append, answer.

The answer follows from the bytes alone, so a client that never heard it and sends them again is told the same, while
the queue holds one record. The transports only read bytes and spell answers.
"""

import asyncio
import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from spanbook_collector import metrics
from spanbook_collector.config import ReceiverSettings, Redaction
from spanbook_collector.processors.check import Checked, Limits, Refused, check
from spanbook_collector.processors.redact import redact
from spanbook_collector.queue.errors import QueueBroken, QueueFull
from spanbook_collector.queue.queue import Queue
from spanbook_collector.receivers.answers import Reason, Refusal, accepted
from spanbook_collector.receivers.budget import Budget
from spanbook_collector.receivers.otlp_json import from_json
from spanbook_collector.receivers.quotas import Quotas
from spanbook_schemas.keys import KeyRing, Scope
from spanbook_schemas.signals import Signal

DEFAULT_TENANT = ""
# A body above this is checked off the event loop, so that small requests are not held up by it.
LARGE_BODY = 256 * 1024  # bytes; up to 10 ms
LARGE_JSON = 128 * 1024  # bytes; JSON costs some ten times as much

log = logging.getLogger("spanbook.collector")


class Pipeline:
    """What both transports share: keys, budget, processors and the queue."""

    def __init__(
        self, queue: Queue, keys: KeyRing, settings: ReceiverSettings, rules: tuple[Redaction, ...] = ()
    ) -> None:
        self.budget = Budget(settings.max_in_flight_bytes)
        self._quotas = Quotas(settings)
        self._queue = queue
        self._keys = keys
        self._limits = Limits()
        self._rules = rules
        self._stopping = False
        # One thread: large bodies take turns, which bounds what their parsing costs in memory.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="large-bodies")

    def admit(self, secret: str | None) -> str:
        """Return the tenant of a caller, asked before anything of the body is read.

        Raises Refusal for a caller without a key that is good for sending, for a project that is over its quota, and
        while the process stops.
        """
        if self._stopping:
            raise Refusal(Reason.STOPPING, "the collector is stopping")
        tenant = self._tenant(secret)
        self._quotas.ask(tenant)
        return tenant

    def _tenant(self, secret: str | None) -> str:
        if not self._keys.closed:
            return DEFAULT_TENANT
        if secret is None:
            raise Refusal(Reason.NO_KEY, "an API key is needed: `authorization: Bearer KEY` or `x-api-key: KEY`")
        key = self._keys.find(secret)
        if key is None:
            raise Refusal(Reason.NO_KEY, "the API key is not known")
        if not key.may(Scope.INGEST):
            raise Refusal(Reason.FORBIDDEN, "the API key is not good for sending: it lacks the scope `ingest`")
        return key.tenant

    async def accept(self, transport: str, signal: Signal, tenant: str, body: bytes, is_json: bool = False) -> bytes:
        """Store a request and return its answer (a serialized `Export…ServiceResponse`) once it is on disk.

        Raises Refusal when it was not stored.
        """
        received_at = time.time_ns()
        began = time.perf_counter()
        self._quotas.spend(tenant, len(body), 0)
        checked = await self._checked(signal, body, is_json)
        self._quotas.spend(tenant, 0, checked.items)
        answer = accepted(signal, checked.rejected, checked.reason)
        if checked.items:
            await self._append(tenant, signal, checked.body, received_at, sent=body)
        metrics.ACKNOWLEDGE_SECONDS.labels(transport).observe(time.perf_counter() - began)
        _count(transport, signal, len(body), checked)
        return answer

    def stop(self) -> None:
        """Refuse what comes from now on; what was admitted is finished."""
        self._stopping = True

    async def _checked(self, signal: Signal, body: bytes, is_json: bool) -> Checked:
        if len(body) <= (LARGE_JSON if is_json else LARGE_BODY):
            return self._look_at(signal, body, is_json)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, self._look_at, signal, body, is_json)

    def _look_at(self, signal: Signal, body: bytes, is_json: bool) -> Checked:
        try:
            checked = check(signal, from_json(signal, body) if is_json else body, self._limits)
        except Refused as refused:
            raise Refusal(Reason.BAD_DATA, str(refused)) from None
        if not self._rules:
            return checked
        return replace(checked, body=redact(signal, checked.body, self._rules))

    async def _append(self, tenant: str, signal: Signal, body: bytes, received_at: int, sent: bytes) -> None:
        try:
            await self._queue.append(tenant, signal, body, received_at, sent=sent)
        except QueueFull:
            raise Refusal(Reason.QUEUE_FULL, "the queue is full") from None
        except QueueBroken:
            raise Refusal(Reason.QUEUE_BROKEN, "the queue cannot be written") from None


def refusal_of(error: Exception) -> Refusal:
    """Return what to tell the client of an error that nobody foresaw: come again, for INTERNAL or 500 would lose data.

    The log gets the place and kind of the error, never its text, which may quote a payload.
    """
    if isinstance(error, Refusal):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    log.error("a request failed unexpectedly: %s at %s", type(error).__name__, place)
    return Refusal(Reason.UNEXPECTED, "the request could not be handled now")


def _count(transport: str, signal: Signal, size: int, checked: Checked) -> None:
    metrics.RECEIVED_REQUESTS.labels(signal, transport).inc()
    metrics.RECEIVED_ITEMS.labels(signal, transport).inc(checked.items)
    metrics.RECEIVED_BYTES.labels(signal, transport).inc(size)
    if checked.rejected:
        metrics.REJECTED_ITEMS.labels(signal).inc(checked.rejected)
    for kind, count in checked.repairs.items():
        metrics.REPAIRS.labels(signal, kind).inc(count)
