"""Odd answers: what providers and gateways really send, and what chance makes of a good one.

A mutation is a function of a JSON value, used on the body of an answer or on each event of a stream.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

Path = tuple[str | int, ...]
ODD_VALUES: tuple[Any, ...] = (None, "", "text", 0, -1, 1.5, True, [], {}, [None], {"x": 1}, "\ud800", 2**70)


@dataclass(frozen=True)
class Mutation:
    """Does the same to the same value every time, so that two runs see the same answer."""

    seed: int
    count: int = 1

    def __call__(self, value: Any) -> Any:
        random = Random(self.seed)
        changed = copy.deepcopy(value)
        for _ in range(self.count):
            if places := list(paths(changed)):
                _change(changed, random.choice(places), random)
        return changed


def at(*path: str | int, value: Any) -> Callable[[Any], Any]:
    """Put *value* where *path* leads, in those answers that it leads through; `...` stands for a field left out."""

    def edit(told: Any) -> Any:
        changed = copy.deepcopy(told)
        place: Any = changed
        for step in path[:-1]:
            try:
                place = place[step]
            except (KeyError, IndexError, TypeError):
                return changed
        try:
            if value is ...:
                del place[path[-1]]
            else:
                place[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            return changed
        return changed

    return edit


def instead(value: Any) -> Callable[[Any], Any]:
    """Another answer altogether."""
    return lambda told: value


def paths(value: Any, so_far: Path = ()) -> Iterator[Path]:
    """Every place in a JSON value but its top."""
    inner: Iterator[tuple[Any, Any]]
    if isinstance(value, dict):
        inner = iter(value.items())
    elif isinstance(value, list):
        inner = iter(enumerate(value))
    else:
        return
    for key, item in inner:
        yield (*so_far, key)
        yield from paths(item, (*so_far, key))


def _change(value: Any, path: Path, random: Random) -> None:
    place: Any = value
    for step in path[:-1]:
        place = place[step]
    what = random.choice(("drop", "odd", "odd", "twice"))
    if what == "drop":
        del place[path[-1]]
    elif what == "twice" and isinstance(place, list):
        place.append(copy.deepcopy(place[-1]))
    else:
        place[path[-1]] = random.choice(ODD_VALUES)


CHAT = ("choices", 0)
DELTA = (*CHAT, "delta")
KNOWN: dict[str, Callable[[Any], Any]] = {
    "null choices": at("choices", value=None),
    "no choices": at("choices", value=...),
    "empty choices": at("choices", value=[]),
    "null choice": at(*CHAT, value=None),
    "choice without index": at(*CHAT, "index", value=...),
    "choice 9": at(*CHAT, "index", value=9),
    "index of text": at(*CHAT, "index", value="0"),
    "null message": at(*CHAT, "message", value=None),
    "null delta": at(*DELTA, value=None),
    "no delta": at(*DELTA, value=...),
    "tool call without index": at(*DELTA, "tool_calls", 0, "index", value=...),
    "tool call without function": at(*DELTA, "tool_calls", 0, "function", value=None),
    "null arguments": at(*DELTA, "tool_calls", 0, "function", "arguments", value=None),
    "arguments of an object": at(*CHAT, "message", "tool_calls", 0, "function", "arguments", value={"city": 1}),
    "broken arguments": at(*CHAT, "message", "tool_calls", 0, "function", "arguments", value="{"),
    "content of parts": at(*CHAT, "message", "content", value=[{"type": "text", "text": "x"}]),
    "null usage": at("usage", value=None),
    "usage of text": at("usage", value="11"),
    "tokens of text": at("usage", "prompt_tokens", value="11"),
    "null details": at("usage", "prompt_tokens_details", value=None),
    "null model": at("model", value=None),
    "null id": at("id", value=None),
    "body is a list": instead([]),
    "body is text": instead("OK"),
    "body is null": instead(None),
    "body is empty": instead({}),
    "null content": at("content", value=None),
    "null block": at("content", 0, value=None),
    "unknown event": at("type", value="something.new"),
    "null candidates": at("candidates", value=None),
    "no parts": at("candidates", 0, "content", "parts", value=None),
    "null output": at("output", value=None),
    "lone surrogate": at(*CHAT, "message", "content", value="\ud800"),
}
"""By what went wrong at users of other instrumentations."""
