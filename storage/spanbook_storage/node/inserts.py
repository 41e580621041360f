"""An INSERT taken apart: its head for the engine's parser, its rows as the bytes that they are."""

import re
from dataclasses import dataclass

from . import literals

_COMMENT = re.compile(r"\s+|--[^\n]*(?:\n|$)|#[ !][^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)
_INSERT = re.compile(r"INSERT\s+INTO\b", re.IGNORECASE)
_DATA = re.compile(r"\b(?:(VALUES)\b|FORMAT\s+(\w+)|(SELECT|WITH|FROM\s+INFILE|WATCH)\b)", re.IGNORECASE)
_SETTINGS = re.compile(r"\bSETTINGS\s+\w+\s*=", re.IGNORECASE)
_HEAD_BYTES = 1 << 18

# What stands between FORMAT and the rows.
_ONE_NEWLINE = re.compile(rb"[ \t]*\r?\n?")


@dataclass(frozen=True)
class InsertText:
    """An INSERT that brings its rows as bytes: `head` ends before SETTINGS, VALUES or FORMAT."""

    head: str
    settings: str  # its own SETTINGS clause, or nothing
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
    end = found.start()
    clause = _SETTINGS.search(literals.covered(start[:end]), begin)
    middle = clause.start() if clause else end
    rows = _ONE_NEWLINE.sub(b"", data, count=1)
    return InsertText(start[begin:middle], start[middle:end], found[2] or "Values", rows)


def _after_comments(text: str) -> int:
    at = 0
    while found := _COMMENT.match(text, at):
        at = found.end()
    return at
