"""Every endpoint that the fake server speaks; the first whose path fits is asked."""

from __future__ import annotations

from fakes.exchange import Request, Wire
from fakes.wires import anthropic, openai

WIRES: tuple[Wire, ...] = (*anthropic.WIRES, *openai.WIRES)


def wire_of(request: Request) -> Wire | None:
    return next((wire for wire in WIRES if wire.path.search(request.path)), None)
