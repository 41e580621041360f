"""How much each project may send: so much a second on average, with a few seconds' worth at once.

A request is paid for when it has come, which is when its size is known, so a project may overdraw once and is let in
again when that is paid back. It is asked for before the next body is read: a no costs nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from spanbook_collector.config import ReceiverSettings
from spanbook_collector.receivers.answers import Reason, Refusal

BURST_SECONDS = 10.0  # how long a quota may be saved up: SDKs send every few seconds what they have gathered


class Quota:
    """Units a second for each project; 0 is any number of them."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._accounts: dict[str, _Account] = {}

    def is_left(self, project: str) -> bool:
        """Return whether a project may send now."""
        return not self._per_second or self._account(project).balance > 0

    def spend(self, project: str, units: int) -> None:
        """Take from what a project has left, below zero if need be."""
        if self._per_second:
            self._account(project).balance -= units

    def _account(self, project: str) -> "_Account":
        now, most = self._clock(), self._per_second * BURST_SECONDS
        account = self._accounts.setdefault(project, _Account(most, now))
        account.balance = min(most, account.balance + (now - account.at) * self._per_second)
        account.at = now
        return account


class Quotas:
    """The quotas of a collector: bytes, and items, which are spans, log records and data points."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self._bytes = Quota(settings.project_bytes_per_second)
        self._items = Quota(settings.project_items_per_second)

    def ask(self, project: str) -> None:
        """Raise Refusal (OVER_QUOTA) when a project has sent more than its share."""
        if not (self._bytes.is_left(project) and self._items.is_left(project)):
            raise Refusal(Reason.OVER_QUOTA, "the project has sent more than its quota allows at this moment")

    def spend(self, project: str, size: int, items: int) -> None:
        """Note what a project has sent."""
        self._bytes.spend(project, size)
        self._items.spend(project, items)


@dataclass
class _Account:
    balance: float
    at: float
