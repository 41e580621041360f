"""Wrapped functions that can be copied and pickled as the functions themselves can.

Frameworks copy what holds a client's method, and pools send functions to other processes. A pickle names the function
and not its wrapper, so that it can be read where nothing is traced.
"""

from __future__ import annotations

import copy
from pkgutil import resolve_name
from typing import Any

import wrapt


class _Method(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg] # a generic one since wrapt 2.1
    """What a wrapped function becomes on an object, or on a class."""

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        owner = self._self_instance
        return self if owner is None else getattr(copy.deepcopy(owner, memo), self.__name__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        owner = self._self_instance
        return _named(self) if owner is None else (getattr, (owner, self.__name__))


class Function(wrapt.FunctionWrapper):  # type: ignore[type-arg] # a generic one since wrapt 2.1
    """A function inside a wrapper."""

    __bound_function_wrapper__ = _Method

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _named(self)


def _named(function: Any) -> Any:
    return resolve_name, (f"{function.__module__}:{function.__qualname__}",)
