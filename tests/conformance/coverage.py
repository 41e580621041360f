"""How many of the attributes that the conventions recommend, or require on a condition, an SDK's spans carried.

Over everything that was run. Recommended ones that were on no span need a reason (`deviations.toml`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from opentelemetry.sdk.trace import ReadableSpan

from conformance.allowed import unexplained
from conformance.checker import Deviation, Problem, definition_of
from conformance.registry import Definition


class Coverage:
    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.rows: set[str] = set()
        """The scenarios that ran."""
        self._definitions: dict[str, Definition] = {}

    def add(self, sdk: str, span: ReadableSpan) -> None:
        if definition := definition_of(span):
            self._definitions[definition.name] = definition
            self._seen[sdk, definition.name] |= set(span.attributes or ())

    def lines(self) -> Iterator[str]:
        """One line for each SDK and kind of span: how many of either level, which recommended ones lack a reason."""
        for (sdk, name), seen in sorted(self._seen.items()):
            definition = self._definitions[name]
            recommended, conditional = definition.level("recommended"), definition.level("conditionally_required")
            absent = [each.removeprefix("gen_ai.") for each in self._absent(sdk, name)]
            count = f"{len(recommended & seen)}/{len(recommended)}"
            more = f"{len(conditional & seen)}/{len(conditional)}"
            yield f"{sdk:16} {name:40} {count:>6} {more:>6}  without {', '.join(absent) or '-'}"

    def left_out(self) -> dict[str, list[str]]:
        """The attributes that no span of an SDK had, and for which no reason is given."""
        found = {f"{sdk} {name}": self._absent(sdk, name) for sdk, name in self._seen}
        return {name: absent for name, absent in found.items() if absent}

    def _absent(self, sdk: str, name: str) -> list[str]:
        absent = self._definitions[name].level("recommended") - self._seen[sdk, name]
        told = unexplained(sdk, [Deviation(name, attribute, Problem.ABSENT) for attribute in absent])
        return sorted(absence.attribute for absence in told)
