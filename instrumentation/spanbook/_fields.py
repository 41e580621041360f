"""Reading fields of SDK objects, whatever they turn out to be.

Providers answer with missing, null and mistyped fields, and SDKs hand them on. A reader asks for a field of a kind and
gets it or None, so that an odd answer costs that attribute alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def fields(value: Any) -> Mapping[str, Any]:
    """Return the fields of a dict, a pydantic model or a plain object, with those that the SDK did not know."""
    if type(value) is dict:
        return value
    known: Mapping[str, Any] | None = getattr(value, "__dict__", None)
    if known is None:
        return value if isinstance(value, Mapping) else _NOTHING
    extra = getattr(value, "__pydantic_extra__", None)
    if extra:
        return {**known, **extra}
    return known


def field(value: Any, name: str) -> Any:
    """Return one field of *value*, or None."""
    if type(value) is dict:
        return value.get(name)
    return getattr(value, name, None)


def items(value: Any) -> list[Any] | tuple[Any, ...]:
    """Return *value* when it is a list or a tuple, else nothing; an iterator is the application's and stays unread."""
    return value if type(value) is list or isinstance(value, (list, tuple)) else ()


def text(value: Any) -> str | None:
    """Return a non-empty string; a member of an enumeration of strings as what it stands for."""
    if type(value) is str:
        return value or None
    return (str.__str__(value) or None) if isinstance(value, str) else None


def texts(value: Any) -> list[str] | None:
    """Return a list of strings; a single string is a list of one."""
    if isinstance(value, str):
        return [value]
    found = [item for item in items(value) if isinstance(item, str)]
    return found or None


def integer(value: Any) -> int | None:
    """Return a whole number."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def number(value: Any) -> float | None:
    """Return a number as a float, which the conventions call double."""
    if type(value) is float:
        return value
    return float(value) if type(value) is int else None


def true(value: Any) -> bool | None:
    """Return True, or None for anything else."""
    return True if value is True else None
