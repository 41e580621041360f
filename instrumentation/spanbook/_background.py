"""Responses that go on at the provider after their call has ended, and what they cost.

Such a call ends with an id and no token counts. Whoever fetches the response later is told them, each time anew: the
first fetch in this process that finds it finished counts them, since no other span ever would.
"""

from __future__ import annotations

from typing import Any

from ._readers import Attributes

_UNDER_WAY = ("queued", "in_progress")
_MOST = 10_000  # that are waited for; of more, the oldest are not counted

_uncounted: dict[str, None] = {}  # ids, oldest first


def begun(response_id: str | None, status: str | None) -> None:
    """Remember a response whose call ended before it did."""
    if response_id and status in _UNDER_WAY:
        _uncounted[response_id] = None
        if len(_uncounted) > _MOST:
            _uncounted.pop(next(iter(_uncounted)), None)


def counted(response_id: str | None, status: str | None, usage: Attributes) -> dict[str, Any]:
    """Return *usage* when a fetched response has finished whose tokens nobody has counted, else nothing."""
    if not usage or not response_id or status in _UNDER_WAY or response_id not in _uncounted:
        return {}
    _uncounted.pop(response_id, None)
    return usage


def forget() -> None:
    """Wait for no response any more: for tests, whose responses all have the same id."""
    _uncounted.clear()
