"""The departures that stand in `deviations.toml`, each with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from conformance.checker import Deviation

Patterns = str | list[str]
"""One of them has to fit."""


@dataclass(frozen=True)
class Allowed:
    sdk: Patterns
    span: Patterns
    attribute: Patterns
    problem: Patterns
    reason: str

    def covers(self, sdk: str, deviation: Deviation) -> bool:
        pairs = (
            (sdk, self.sdk),
            (deviation.span, self.span),
            (deviation.attribute, self.attribute),
            (deviation.problem, self.problem),
        )
        return all(_fits(value, patterns) for value, patterns in pairs)


def _fits(value: str, patterns: Patterns) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns))


@cache
def allowed() -> tuple[Allowed, ...]:
    told = tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())
    return tuple(Allowed(**entry) for entry in told["deviation"])


def unexplained(sdk: str, deviations: Iterable[Deviation]) -> list[Deviation]:
    """Those that no entry allows."""
    return [found for found in deviations if not any(entry.covers(sdk, found) for entry in allowed())]
