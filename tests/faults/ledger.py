"""What was promised to clients, kept outside of whatever is being killed.

An acknowledged id is an obligation: it has to be found, once. An id without an acknowledgement may be found or not, but
not twice either. Whatever else is found was never sent.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verdict:
    """The three ways to be wrong; all empty when everything is right."""

    lost: frozenset[int]
    doubled: frozenset[int]
    foreign: frozenset[int]

    @property
    def right(self) -> bool:
        return not (self.lost or self.doubled or self.foreign)


@dataclass
class Ledger:
    """Ids of requests (or spans) that were sent and that were acknowledged."""

    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)

    @property
    def unanswered(self) -> list[int]:
        """Ids that a client would send again."""
        return sorted(self.sent - self.acknowledged)

    def judge(self, found: Iterable[int]) -> Verdict:
        """Compare with the ids that are stored."""
        counts = Counter(found)
        return Verdict(
            lost=frozenset(self.acknowledged - counts.keys()),
            doubled=frozenset(number for number, count in counts.items() if count > 1),
            foreign=frozenset(counts.keys() - self.sent),
        )
