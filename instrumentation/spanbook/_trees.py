"""Operations that a framework tells of by ids: each begins below the one that the framework names.

Unless the application opened a span of its own in between: then below that one. What the framework calls a step and
the conventions have no word for gets no span; it stands for the operation above it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context, get_current, set_value
from opentelemetry.trace import SpanKind

from . import _suppression
from ._call import Call
from ._readers import Attributes, Reader

MODEL_CALL = Reader()
"""Of calls that a framework reads itself: makes them owners of what an SDK below does for them."""


@dataclass(slots=True)
class Node:
    """An operation that is under way, or a stand-in for the one above it."""

    call: Call
    span_of: Hashable
    """The id of the operation whose span it is."""
    root: Hashable
    above: Node | None
    stands_in: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    """What the framework's reader keeps until the end."""
    family: set[Hashable] = field(default_factory=set)
    """Of a root: every operation below it that is still open."""


class Tree:
    """The open operations of one framework."""

    def __init__(self, framework: str) -> None:
        self._inside = f"spanbook-{framework}-operation"  # in the context: the innermost operation that it is inside of
        self._open: dict[Hashable, Node] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(
        self,
        id: Hashable,
        parent: Hashable | None,
        operation: str,
        attributes: Attributes,
        *,
        name: str | None = None,
        reader: Reader | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Node:
        """Open an operation; with a *reader* it is a model call, and owns what an SDK does below it."""
        above = self.get(parent)
        current = get_current()
        context = current if above is None or self._is_inside(current, above) else above.call.context
        owner = _suppression.owner(context, operation) if reader is not None else None
        call = Call(operation, attributes, name=name, reader=reader, kind=kind, parent=context, owner=owner)
        call.context = set_value(self._inside, id, call.context)
        return self._keep(id, Node(call, id, above.root if above else id, above))

    def stand_in(self, id: Hashable, parent: Hashable | None) -> None:
        """Note a step without a span of its own."""
        if (above := self.get(parent)) is not None:
            self._keep(id, Node(above.call, above.span_of, above.root, above, stands_in=True))

    def get(self, id: Hashable | None) -> Node | None:
        """Return an open operation."""
        return self._open.get(id) if id is not None else None

    def inside(self, id: Hashable | None) -> Context | None:
        """Return the context of an operation's body; None when the current context is inside it already."""
        node = self.get(id)
        return None if node is None or self._is_inside(get_current(), node) else node.call.context

    def take(self, id: Hashable) -> Node | None:
        """Return an operation that ends, and forget it; None for a stand-in and for what nobody knows."""
        node = self._open.pop(id, None)
        if node is None:
            return None
        if (root := self._open.get(node.root)) is not None:
            root.family.discard(id)
        for left in node.family:  # nobody will end them; a span among them ends when nobody holds it any more
            self._open.pop(left, None)
        return None if node.stands_in else node

    def _is_inside(self, context: Context, node: Node) -> bool:
        return context.get(self._inside) == node.span_of

    def _keep(self, id: Hashable, node: Node) -> Node:
        self._open[id] = node
        if node.root != id and (root := self._open.get(node.root)) is not None:
            root.family.add(id)
        return node
