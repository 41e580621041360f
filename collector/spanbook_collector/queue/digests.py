"""Requests of the last minutes by digest, so that a client's retry is not stored again.

Two generations instead of an expiry for each entry: 200,000 digests stay below 30 MB. What is remembered is at least
the last five minutes or 100,000 requests, at most twice that.
"""

import hashlib
import time
from collections.abc import Callable

from spanbook_schemas.signals import Signal

DIGEST_BYTES = 16
REMEMBERED_SECONDS = 600
_GENERATION_SECONDS = REMEMBERED_SECONDS / 2
_GENERATION_SIZE = 100_000


def digest_of(tenant: str, signal: Signal, body: bytes) -> bytes:
    """Return the 16-byte identity of a request: of its bytes, its tenant and its signal.

    SHA-256, because processors help with it: 0.7 ms a megabyte, where BLAKE2b takes 1.8.
    """
    digest = hashlib.sha256(hashlib.sha256(f"{signal}\0{tenant}".encode()).digest())
    digest.update(body)
    return digest.digest()[:DIGEST_BYTES]


class RecentRequests:
    """Digests of requests that are stored."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()
        self._since = clock()

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def __contains__(self, digest: bytes) -> bool:
        self._turn()
        return digest in self._new or digest in self._old

    def remember(self, digest: bytes) -> None:
        """Remember a request that is stored."""
        self._turn()
        self._new.add(digest)

    def _turn(self) -> None:
        age = self._clock() - self._since
        if age >= _GENERATION_SECONDS or len(self._new) >= _GENERATION_SIZE:
            self._old = self._new if age < 2 * _GENERATION_SECONDS else set()
            self._new, self._since = set(), self._clock()
