"""Code blocks of the documentation, as a reader would copy them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")])
NOT_RUN = "<!-- not run: "
_BLOCK = re.compile(r"^([^\n]*)\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and whether the line before says that it is not run."""

    page: Path
    line: int
    language: str
    text: str
    run: bool

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> Iterator[Block]:
    """Yield the blocks in any of these languages, from every page."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            if found[2] in languages:
                line = text.count("\n", 0, found.start(2)) + 1
                yield Block(page, line, found[2], found[3], not found[1].startswith(NOT_RUN))
