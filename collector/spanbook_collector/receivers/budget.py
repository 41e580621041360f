"""The bytes of request bodies that may be in memory at one time, all clients and both transports together.

A body's room is taken before it is read. Who finds none waits a moment, in turn, since a burst is over sooner than a
client's retry; only then it is refused. A body that is alone always fits, so that none is refused for ever.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType

from spanbook_collector import metrics
from spanbook_collector.receivers.answers import Reason, Refusal

PATIENCE = 1.0  # seconds


class Budget:
    """So many bytes and no more; `held()` gives a share of it that starts empty."""

    def __init__(self, limit: int, patience: float = PATIENCE) -> None:
        self.limit = limit
        self.used = 0
        self._patience = patience
        self._waiting: deque[_Turn] = deque()

    def held(self) -> "Share":
        """Return a share, to be used in a `with` statement."""
        return Share(self)

    async def take(self, size: int, held: int = 0) -> None:
        """Take bytes for who holds some already, waiting for room. Raises Refusal (BUSY) when none comes in time."""
        if not self._waiting and self._fits(size, held):
            self._add(size)
            return
        turn = _Turn(size, held, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn.come
        except (TimeoutError, asyncio.CancelledError) as error:
            self._leave(turn)
            if isinstance(error, TimeoutError):
                raise Refusal(Reason.BUSY, "too much is being received at this moment") from None
            raise

    def give_back(self, size: int) -> None:
        """Return bytes, and let in who waits."""
        self._add(-size)
        self._wake()

    def _fits(self, size: int, held: int) -> bool:
        return self.used + size <= self.limit or self.used == held

    def _wake(self) -> None:
        while self._waiting and self._fits(self._waiting[0].size, self._waiting[0].held):
            turn = self._waiting.popleft()
            self._add(turn.size)
            turn.come.set_result(None)

    def _leave(self, turn: "_Turn") -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
            self._wake()
        else:  # its turn came in this very moment
            self.give_back(turn.size)

    def _add(self, size: int) -> None:
        self.used += size
        metrics.IN_FLIGHT_BYTES.set(self.used)


@dataclass(frozen=True, eq=False)
class _Turn:
    size: int
    held: int
    come: asyncio.Future[None]


class Share:
    """The bytes of one request; all are returned when its `with` block ends."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = 0

    async def grow_to(self, size: int) -> None:
        """Hold at least `size` bytes. Raises Refusal (BUSY)."""
        if size > self._size:
            more = size - self._size
            await self._budget.take(more, self._size)
            self._size += more

    def shrink_to(self, size: int) -> None:
        """Hold at most `size` bytes."""
        if size < self._size:
            self._budget.give_back(self._size - size)
            self._size = size

    def __enter__(self) -> "Share":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shrink_to(0)
