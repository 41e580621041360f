"""How many of the recommended attributes an SDK's spans carried, over everything that was run."""

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
        self._definitions: dict[str, Definition] = {}

    def add(self, sdk: str, span: ReadableSpan) -> None:
        if definition := definition_of(span):
            self._definitions[definition.name] = definition
            self._seen[sdk, definition.name] |= set(span.attributes or ())

    def lines(self) -> Iterator[str]:
        """One line for each SDK and kind of span: how many of the recommended, and which are absent."""
        for (sdk, name), seen in sorted(self._seen.items()):
            recommended = self._definitions[name].level("recommended")
            absences = [Deviation(name, attribute, Problem.ABSENT) for attribute in recommended - seen]
            absent = sorted(absence.attribute.removeprefix("gen_ai.") for absence in unexplained(sdk, absences))
            count = f"{len(recommended & seen)}/{len(recommended)}"
            yield f"{sdk:16} {name:40} {count:>6}  without {', '.join(absent) or '-'}"
