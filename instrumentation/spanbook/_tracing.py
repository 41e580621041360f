"""Spans of the application's own code: `@trace` on functions, `start_span` round blocks.

A generator's span is current while its body runs and not while the caller holds what it yielded; so the caller's spans
keep their parents, and nothing is left behind when a generator is dropped.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from types import CoroutineType
from typing import Any, TypeVar, overload

from opentelemetry.trace import SpanKind, get_current_span

from spanbook_schemas import gen_ai, names

from ._call import Call
from ._guard import harmless
from ._readers import Attributes

F = TypeVar("F", bound=Callable[..., Any])

_MOST_ITEMS = 1_000  # of a generator's output that are recorded

# Kinds that the conventions have an operation for; any other word is recorded as it is.
_OPERATIONS = {
    "tool": gen_ai.EXECUTE_TOOL,
    "agent": gen_ai.INVOKE_AGENT,
    "workflow": gen_ai.INVOKE_WORKFLOW,
    "retriever": gen_ai.RETRIEVAL,
}
_NAMED_BY = {
    gen_ai.EXECUTE_TOOL: gen_ai.TOOL_NAME,
    gen_ai.INVOKE_AGENT: gen_ai.AGENT_NAME,
    gen_ai.INVOKE_WORKFLOW: gen_ai.AGENT_NAME,
    gen_ai.RETRIEVAL: gen_ai.DATA_SOURCE_ID,
}
_INPUTS = {gen_ai.EXECUTE_TOOL: gen_ai.TOOL_CALL_ARGUMENTS, gen_ai.RETRIEVAL: gen_ai.RETRIEVAL_QUERY_TEXT}
_OUTPUTS = {gen_ai.EXECUTE_TOOL: gen_ai.TOOL_CALL_RESULT, gen_ai.RETRIEVAL: gen_ai.RETRIEVAL_DOCUMENTS}


class ActiveSpan:
    """The span of a block. Everything that an OpenTelemetry span can do, it can."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def set_inputs(self, value: Any) -> None:
        """Record what went in, as JSON, where content is captured."""
        harmless(_record, self._call, _INPUTS, names.INPUT, value)

    def set_outputs(self, value: Any) -> None:
        """Record what came out, as JSON, where content is captured."""
        harmless(_record, self._call, _OUTPUTS, names.OUTPUT, value)

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hex digits."""
        return format(self.get_span_context().trace_id, "032x")

    @property
    def span_id(self) -> str:
        """The span's id, 16 hex digits."""
        return format(self.get_span_context().span_id, "016x")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call.span, name)


@overload
def trace(function: F, /) -> F: ...
@overload
def trace(*, name: str | None = None, kind: str = "", attributes: Mapping[str, Any] | None = None) -> _Decorator: ...
def trace(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    kind: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Give every call of a function a span, with its arguments and its result where content is captured.

    Works on functions, coroutines, generators, async generators, methods, class methods and static methods. *kind* is
    `tool`, `agent`, `workflow` or `retriever`, which the conventions know, or any other word.
    """
    decorator = _Decorator(name, kind, attributes)
    return decorator if function is None else decorator(function)


class Shorthand:
    """Traces functions of one kind, with or without arguments: `@tool` or `@tool(name="search")`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, /, *, name: str | None = None, attributes: Mapping[str, Any] | None = None) -> _Decorator: ...
    def __call__(
        self, function: Any = None, /, *, name: str | None = None, attributes: Mapping[str, Any] | None = None
    ) -> Any:
        decorator = _Decorator(name, self._kind, attributes)
        return decorator if function is None else decorator(function)


tool = Shorthand("tool")
agent = Shorthand("agent")
retriever = Shorthand("retriever")


@contextmanager
def start_span(
    name: str = "span", *, kind: str = "", attributes: Mapping[str, Any] | None = None
) -> Iterator[ActiveSpan]:
    """Open a span for a block; an exception ends it as failed and goes on its way."""
    call = _open(name, kind, attributes or {})
    call.attach()
    try:
        yield ActiveSpan(call)
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
        call.finish()


def get_current_trace_id() -> str | None:
    """Return the id of the trace that is under way, 32 hex digits, or None."""
    context = get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None


class _Decorator:
    """Turns a function into one that traces its calls."""

    def __init__(self, name: str | None, kind: str, attributes: Mapping[str, Any] | None) -> None:
        self._name = name
        self._kind = kind.lower()
        self._attributes = dict(attributes or {})

    def __call__(self, function: F) -> F:
        inner: Any = function
        if isinstance(inner, classmethod | staticmethod):
            return type(inner)(self(inner.__func__))  # type: ignore[return-value]
        if inspect.isasyncgenfunction(inner):
            return self._async_generator(inner)  # type: ignore[return-value]
        if inspect.isgeneratorfunction(inner):
            return self._generator(inner)  # type: ignore[return-value]
        if inspect.iscoroutinefunction(inner):
            return self._coroutine(inner)  # type: ignore[return-value]
        return self._function(inner)  # type: ignore[return-value]

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        begin = self._beginning(function)

        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            call = begin(args, kwargs)
            call.attach()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                call.fail(error)
                raise
            finally:
                call.detach()
            if type(result) is CoroutineType:  # a plain function that hands one out, such as a partial
                return _later(call, result)
            _end(call, result)
            return result

        return traced

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        begin = self._beginning(function)

        @functools.wraps(function)
        async def traced(*args: Any, **kwargs: Any) -> Any:
            call = begin(args, kwargs)
            return await _later(call, _begun(call, function, args, kwargs))

        return traced

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        begin = self._beginning(function)

        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            call = begin(args, kwargs)
            return (yield from _stepped(call, _begun(call, function, args, kwargs)))

        return traced

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        begin = self._beginning(function)

        async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            call = begin(args, kwargs)
            inner = _begun(call, function, args, kwargs)
            items: list[Any] = []
            step: Callable[[], Any] = functools.partial(inner.asend, None)
            while True:
                try:
                    item = await call.within_async(step)
                except StopAsyncIteration:
                    _end(call, items)
                    return
                except BaseException as error:
                    call.fail(error)
                    raise
                if len(items) < _MOST_ITEMS:
                    items.append(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await call.within_async(inner.aclose)
                    _abandon(call, items)
                    raise
                except BaseException as thrown:
                    step = functools.partial(inner.athrow, thrown)
                else:
                    step = functools.partial(inner.asend, sent)

        return functools.wraps(function)(traced)

    def _beginning(self, function: Callable[..., Any]) -> Callable[[Any, Any], Call]:
        name = self._name or str(getattr(function, "__name__", type(function).__name__))
        attributes = self._attributes
        kind = self._kind
        bind = _binding(function)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
            call = _open(name, kind, attributes)
            if call.captures_content:
                harmless(_record, call, _INPUTS, names.INPUT, bind(args, kwargs))
            return call

        return begin


def _open(name: str, kind: str, attributes: Mapping[str, Any]) -> Call:
    operation = _OPERATIONS.get(kind.lower(), "")
    found: Attributes = dict(attributes)
    if operation:
        found.setdefault(gen_ai.OPERATION_NAME, operation)
        found.setdefault(_NAMED_BY[operation], name)
        if operation == gen_ai.EXECUTE_TOOL:
            found.setdefault(gen_ai.TOOL_TYPE, "function")
        name = f"{operation} {found[_NAMED_BY[operation]]}"
    elif kind:
        found[names.SPAN_TYPE] = kind
    span_kind = SpanKind.CLIENT if operation == gen_ai.RETRIEVAL else SpanKind.INTERNAL
    return Call(operation, found, name=name, kind=span_kind, application=True)


def _binding(function: Callable[..., Any]) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Return what names the arguments of a call; `self` and `cls` are not among them."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return lambda args, kwargs: {"args": args, **kwargs}
    parameters = list(signature.parameters.values())
    names = [parameter.name for parameter in parameters]
    hidden = names[:1] if names[:1] in (["self"], ["cls"]) else []
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):

        def bound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
            try:
                given = dict(signature.bind_partial(*args, **kwargs).arguments)
            except TypeError:  # the call itself is about to fail with this
                return {"args": args, **kwargs}
            return {key: value for key, value in given.items() if key not in hidden}

        return bound
    skip = len(hidden)
    return lambda args, kwargs: {**dict(zip(names[skip:], args[skip:], strict=False)), **kwargs}


def _record(call: Call, by_operation: Mapping[str, str], otherwise: str, value: Any) -> None:
    name = by_operation.get(call.operation, otherwise)
    if name == gen_ai.RETRIEVAL_QUERY_TEXT and isinstance(value, dict):
        value = next((item for item in value.values() if isinstance(item, str)), value)
    if name == gen_ai.RETRIEVAL_DOCUMENTS:
        value = _documents(value)
    call.set({name: value})


def _documents(value: Any) -> Any:
    """Return what a retriever found as objects, which the conventions expect."""
    if not isinstance(value, list | tuple):
        return value
    return [item if not isinstance(item, str | int | float | None) else {"content": item} for item in value]


def _end(call: Call, result: Any) -> None:
    if call.captures_content:
        harmless(_record, call, _OUTPUTS, names.OUTPUT, result)
    call.finish()


def _begun(call: Call, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call what hands out a coroutine or a generator, which fails where its arguments do not fit."""
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        call.fail(error)
        raise


async def _later(call: Call, pending: Any) -> Any:
    call.attach()
    try:
        result = await pending
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
    _end(call, result)
    return result


def _stepped(call: Call, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run *inner* step by step, the span current within each step."""
    items: list[Any] = []
    step: Callable[[], Any] = functools.partial(next, inner)
    while True:
        try:
            item = call.within(step)
        except StopIteration as end:
            _end(call, items)
            return end.value
        except BaseException as error:
            call.fail(error)
            raise
        if len(items) < _MOST_ITEMS:
            items.append(item)
        try:
            sent = yield item
        except GeneratorExit:
            call.within(inner.close)
            _abandon(call, items)
            raise
        except BaseException as thrown:
            step = functools.partial(inner.throw, thrown)
        else:
            step = functools.partial(next, inner) if sent is None else functools.partial(inner.send, sent)


def _abandon(call: Call, items: list[Any]) -> None:
    if call.captures_content:
        harmless(_record, call, _OUTPUTS, names.OUTPUT, items)
    call.finish(abandoned=True)
