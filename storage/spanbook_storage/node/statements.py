"""Statements as the front must see them: an INSERT's head apart from its data, and where the output clauses go."""

import re
from dataclasses import dataclass

from . import literals

_COMMENT = re.compile(r"\s+|--[^\n]*(?:\n|$)|#[ !][^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)
_INSERT = re.compile(r"INSERT\s+INTO\b", re.IGNORECASE)
_DATA = re.compile(r"\b(?:(VALUES)\b|FORMAT\s+(\w+)|(SELECT|WITH|FROM\s+INFILE|WATCH)\b)", re.IGNORECASE)
_TAIL = re.compile(r"(?P<format> FORMAT (?P<name>\w+))?(?P<settings> SETTINGS (?:\w+ = [^,]+(?:, )?)+)?$")
_HEAD_BYTES = 1 << 18

# Formats whose first line end belongs to FORMAT, not to the data, are all of them: the engine skips one newline.
_ONE_NEWLINE = re.compile(rb"[ \t]*\r?\n?")


@dataclass(frozen=True)
class InsertText:
    """An INSERT that brings its rows as bytes: `head` ends before VALUES or FORMAT."""

    head: str
    format: str
    data: bytes  # rows that came in the statement's own text


def insert_of(text: bytes) -> InsertText | None:
    """The parts of an INSERT with data; None for every other statement, INSERT SELECT among them."""
    start = text[:_HEAD_BYTES].decode("utf-8", "replace")
    begin = _after_comments(start)
    if not _INSERT.match(start, begin):
        return None
    found = _DATA.search(literals.covered(start), begin)
    if not found or found[3]:
        return None
    # Characters that do not decode lie in the data, behind the match, so counting bytes of the head is exact.
    data = text[len(start[: found.end()].encode()) :]
    return InsertText(start[begin : found.start()], found[2] or "Values", _ONE_NEWLINE.sub(b"", data, count=1))


def with_output(canonical: str, clause: str, default_format: str) -> tuple[str, str]:
    """A canonical statement with its result sent through `clause`; and the format that the result has."""
    tail = _TAIL.search(literals.covered(canonical))
    assert tail is not None  # both groups are optional: an empty tail matches
    fmt = tail["name"] or default_format
    settings = canonical[tail.start("settings") :] if tail["settings"] and tail["format"] else ""
    body = canonical[: tail.start()] if tail["format"] else canonical
    return f"{body}{clause} FORMAT {fmt}{settings}", fmt


def format_of(canonical: str, default_format: str) -> str:
    """The format that a statement's result has."""
    tail = _TAIL.search(literals.covered(canonical))
    return (tail and tail["name"]) or default_format


def _after_comments(text: str) -> int:
    at = 0
    while found := _COMMENT.match(text, at):
        at = found.end()
    return at
