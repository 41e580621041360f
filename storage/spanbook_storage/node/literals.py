"""SQL literals that the engine reads back as they were meant, and texts with everything in quotes covered."""

import re

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\0": "\\0", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
)
_TAB_SEPARATED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*\"""", re.DOTALL)


def string(value: str) -> str:
    """A value as a SQL string literal."""
    return f"'{value.translate(_ESCAPES)}'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def escaped(value: str) -> str:
    """A value as ClickHouse's HTTP interface wants a `param_`: escaped as in TabSeparated."""
    return value.translate(_TAB_SEPARATED)


def names(text: str) -> list[str]:
    """The quoted names of a text, as they stand between their quotes."""
    return [quoted[1:-1] for quoted in _QUOTED.findall(text) if not quoted.startswith("'")]


def covered(text: str) -> str:
    """The text with everything in quotes replaced by `_` of the same length: keywords found in it are keywords."""
    return _QUOTED.sub(lambda quoted: quoted[0][0] + "_" * (len(quoted[0]) - 2) + quoted[0][0], text)
