"""Inserts by name, and how far a reader of them is: what the derivation keeps its place by.

Clocks and commits do not agree in order, so an insert is done when its partition and block number are in a list of done
ones. The list goes back for a while only: before that, time alone tells.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Block = tuple[str, int]  # partition and block number: the name of an insert, for ever

# An insert may be seen this much later than the time it carries. What is done in that stretch is remembered by name.
OVERLAP_MS = 120_000


@dataclass(frozen=True)
class Insert:
    """Rows that were inserted together: when, and when they were seen, in milliseconds by the store's clock."""

    part: str  # where they are now; merges move them
    block: Block
    newest: int
    rows: int
    seen: int

    @property
    def age_seconds(self) -> float:
        """Seconds since the insert, by the store's clock."""
        return max(self.seen - self.newest, 0) / 1000


AnInsert = TypeVar("AnInsert", bound=Insert)


@dataclass
class Place:
    """How far inserts of a table are done: all before `since` (milliseconds), and those in `done`."""

    since: int = 0
    done: set[Block] = field(default_factory=set)
    _newest: dict[Block, int] = field(default_factory=dict)
    _parts: dict[str, int] = field(default_factory=dict)  # in which all is done, since parts never change

    @classmethod
    def of(cls, since: int, done: Iterable[Sequence[object]]) -> "Place":
        """Return a place that was kept; times of inserts are not, so these are remembered for a whole overlap."""
        blocks = {(str(partition), int(str(block))) for partition, block in done}
        return cls(since, blocks, dict.fromkeys(blocks, since + OVERLAP_MS))

    def undone(self, seen: Sequence[AnInsert]) -> list[AnInsert]:
        """Return which of these are not done; goes back in time where the store's clock did."""
        self.since = min([self.since, *(insert.seen - OVERLAP_MS for insert in seen)])
        found = [insert for insert in seen if insert.block not in self.done]
        new = {insert.part for insert in found}
        self.leave(insert for insert in seen if insert.part not in new)
        return found

    def leave(self, inserts: Iterable[Insert]) -> None:
        """Note that all is done in the parts where these are."""
        self._parts.update({insert.part: insert.newest for insert in inserts})

    def pass_by(self, inserts: Sequence[Insert]) -> None:
        """Note that all are done that `undone` has returned."""
        self._newest.update({insert.block: insert.newest for insert in inserts})
        self.leave(inserts)
        now = max((insert.seen for insert in inserts), default=0)  # by the store's clock, which may have gone back
        self.since = max(self.since, min(now, max(self._newest.values(), default=0)) - OVERLAP_MS)
        self._newest = {block: newest for block, newest in self._newest.items() if newest >= self.since}
        self.done = set(self._newest)
        self._parts = {part: newest for part, newest in self._parts.items() if newest >= self.since}

    @property
    def read(self) -> list[str]:
        """The parts that need not be looked at again."""
        return list(self._parts)
