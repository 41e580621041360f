"""Methods of a framework whose body must run in a span's context, although only a callback knows the span.

The callback cannot hold the context attached until its operation ends: an operation may end in another task, and what
a generator attaches is seen by its consumer between two items. So the method is wrapped: a seat stands ready in the
context, the first operation that begins sits down in it, and for each step of the body its context is attached, and
given back after the step whatever happened in it.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from opentelemetry.context import _RUNTIME_CONTEXT, Context, attach, get_current, set_value

from ._sdk import Patch, Sdk, Wrapper, wrapped_by

_SEAT = "spanbook-seat"

# Tells in which context the body of a method should run, by the arguments of the call; None: as it is.
Choose = Callable[[tuple[Any, ...], dict[str, Any]], Context | None]


def seated(module: str, method: str) -> Patch:
    """Let the first operation that begins within a method be current in its body."""
    return running_in(module, method, lambda args, kwargs: set_value(_SEAT, [], get_current()))


def running_in(module: str, method: str, choose: Choose) -> Patch:
    """Run the body of a method in the context that *choose* names."""
    return Patch(module, method, lambda sdk, original: wrapped_by(original, _wrapper(sdk, original, choose)))


def sit_down(context: Context) -> None:
    """Make an operation's *context* current, if there is a seat for it."""
    seat = get_current().get(_SEAT)
    if isinstance(seat, list) and not seat:
        seat.append(True)
        attach(context)


class _Steps:
    """The context of a body that runs in steps."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def run(self, step: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        token = attach(self._context)
        try:
            return step(*args, **kwargs)
        finally:
            self._context = get_current()
            _give_back(token)

    async def arun(self, step: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        token = attach(self._context)
        try:
            return await step(*args, **kwargs)
        finally:
            self._context = get_current()
            _give_back(token)


def _give_back(token: Any) -> None:
    with contextlib.suppress(ValueError, LookupError, RuntimeError):  # closed by another task
        _RUNTIME_CONTEXT.detach(token)


def _wrapper(sdk: Sdk, original: Any, choose: Choose) -> Wrapper:
    function = inspect.unwrap(original)

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        context = choose(args, kwargs) if sdk.enabled else None
        if context is None:
            return wrapped(*args, **kwargs)
        if inspect.isgeneratorfunction(function):
            return _generator(_Steps(context), wrapped(*args, **kwargs))
        if inspect.isasyncgenfunction(function):
            return _async_generator(_Steps(context), wrapped(*args, **kwargs))
        steps = _Steps(context)
        return (steps.arun if inspect.iscoroutinefunction(function) else steps.run)(wrapped, *args, **kwargs)

    return around


def _generator(steps: _Steps, items: Any) -> Iterator[Any]:
    try:
        while True:
            try:
                item = steps.run(next, items)
            except StopIteration:
                return
            yield item
    finally:
        steps.run(items.close)


async def _async_generator(steps: _Steps, items: Any) -> AsyncIterator[Any]:
    try:
        while True:
            try:
                item = await steps.arun(items.__anext__)
            except StopAsyncIteration:
                return
            yield item
    finally:
        await steps.arun(items.aclose)
