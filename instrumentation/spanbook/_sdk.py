"""How an SDK is hooked: a table of methods, the readers of their objects, and the engine that goes between.

An SDK module declares; everything that patches code is here, once. Whether a method is sync, async or streaming is
seen in what it returns, not declared: SDKs wrap their coroutines in plain functions.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from spanbook_schemas import gen_ai

from . import _pools, _suppression
from ._call import Call
from ._guard import failed, harmless
from ._raw_responses import read_raw
from ._readers import Attributes, Reader
from ._streams import (
    begun_late,
    begun_late_async,
    opening,
    opening_async,
    watch_within,
    watched,
    watched_async,
)

log = logging.getLogger("spanbook")

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
Target = Callable[[Any], Attributes]
Begin = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], Call | None]


def nowhere(instance: Any) -> Attributes:
    """Say nothing about the server: for SDKs whose clients do not tell."""
    return {}


@dataclass(frozen=True)
class Hook:
    """A method that is one call to a model: where it is, what its objects mean, whom it talks to."""

    module: str
    method: str
    reader: Reader
    target: Target = nowhere
    kind: SpanKind = SpanKind.CLIENT
    streams: bool = False
    """It always streams, which its request does not say."""
    optional: bool = False
    """Only some of the library's versions have it; where one that all have is missing, a warning says so."""
    parameters: tuple[str, ...] = ()
    """The names of what may be given without one, where the method's signature does not tell."""

    def wrapper(self, sdk: Sdk, original: Any) -> Wrapper:
        return _around(sdk, self, original)


@dataclass(frozen=True)
class Patch:
    """A method or property that is replaced by what *replacement* makes of the original."""

    module: str
    method: str
    make: Callable[[Sdk, Any], Any]
    optional: bool = False


@dataclass(frozen=True)
class Plug:
    """A place where the library itself lets others listen in: *insert* does so and returns what takes it out again."""

    module: str
    insert: Callable[[Sdk], Callable[[], None]]


@dataclass
class Sdk:
    """One instrumented library."""

    provider: str
    requires: str
    hooks: tuple[Hook | Patch | Plug, ...]
    library: str = ""
    """The import name, where the first part of the modules' names is a namespace that others share."""
    enabled: bool = field(default=False, init=False)
    _pending: set[int] = field(default_factory=set, init=False)
    _patched: list[tuple[Any, str, Any, Any]] = field(default_factory=list, init=False)
    _plugged: list[Callable[[], None]] = field(default_factory=list, init=False)

    @property
    def package(self) -> str:
        """The import name of the library."""
        return self.library or self.hooks[0].module.partition(".")[0]

    @property
    def installed(self) -> bool:
        """Whether the library can be imported."""
        try:
            return self.package in sys.modules or find_spec(self.package) is not None
        except ModuleNotFoundError:  # not even the namespace
            return False

    def autolog(self) -> None:
        """Trace every call from now on, whether the library is imported already or later.

        Calling it twice changes nothing. Raises RuntimeError when the library is not installed.
        """
        if not self.installed:
            raise RuntimeError(
                f"cannot trace {self.provider}: `{self.package}` is not installed\nhint: pip install '{self.requires}'"
            )
        if self.enabled:
            return
        self.enabled = True
        _pools.keep_parents(self)
        for index, hook in enumerate(self.hooks):
            if hook.module in sys.modules:
                self._apply(hook)
            elif index not in self._pending:
                self._pending.add(index)
                import wrapt

                wrapt.register_post_import_hook(self._when_imported(hook), hook.module)

    def unlog(self) -> None:
        """Put every original back."""
        self.enabled = False
        _pools.let_go(self)
        while self._plugged:
            self._plugged.pop()()
        while self._patched:
            owner, name, original, replacement = self._patched.pop()
            # Whoever patched after us keeps their patch; ours only passes through from now on.
            if inspect.getattr_static(owner, name, None) is replacement:
                setattr(owner, name, original)

    def instrumentor(self) -> Sdk:
        """Return what OpenTelemetry's zero-code loader instruments: entry points name this method."""
        return self

    def instrument(self, **options: Any) -> None:
        """Trace the library if it is installed; unlike `autolog`, never an error."""
        if self.installed:
            self.autolog()

    def uninstrument(self, **options: Any) -> None:
        """Put every original back."""
        self.unlog()

    def _when_imported(self, hook: Hook | Patch | Plug) -> Callable[[Any], None]:
        def apply(module: Any) -> None:
            if self.enabled:
                self._apply(hook)

        return apply

    def _apply(self, hook: Hook | Patch | Plug) -> None:
        if isinstance(hook, Plug):
            if (take_out := harmless(hook.insert, self)) is not None:
                self._plugged.append(take_out)
        else:
            harmless(self._replace, hook)  # it may happen within the application's import of the library

    def _replace(self, hook: Hook | Patch) -> None:
        import wrapt

        try:
            owner, name, original = wrapt.resolve_path(sys.modules[hook.module], hook.method)
        except AttributeError:
            if not hook.optional:
                log.warning("%s has no %s.%s: not traced", self.package, hook.module, hook.method)
            return
        if isinstance(hook, Hook):
            replacement = wrapped_by(original, hook.wrapper(self, original))
        else:
            replacement = hook.make(self, original)
        wrapt.apply_patch(owner, name, replacement)
        self._patched.append((owner, name, original, replacement))


def wrapped_by(original: Any, wrapper: Wrapper) -> Any:
    """Return *original* inside *wrapper*; it binds, pickles and looks like the original."""
    from ._wrappers import Function  # here and not above: wrapt imports asyncio, which an application may never want

    return Function(original, wrapper)


def counting_retries(sdk: Sdk, original: Any, *, of: Callable[[Any], bool] = lambda instance: True) -> Any:
    """Return what the library runs once before each retry, such as what says how long to wait; noted on the open call.

    *of* tells by the instance whether it is a request that is retried.
    """

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if sdk.enabled:
            harmless(note, instance)
        return wrapped(*args, **kwargs)

    def note(instance: Any) -> None:
        call = _suppression.current_owner(get_current())
        if isinstance(call, Call) and of(instance):
            call.retried()

    return wrapped_by(original, around)


def beginner(sdk: Sdk, hook: Hook, original: Any) -> Begin:
    """Return what opens a call of one hooked method; None where it is not traced."""
    names = hook.parameters or _positional(original)
    known: Attributes = {gen_ai.PROVIDER_NAME: sdk.provider}
    if hook.streams:
        known[gen_ai.REQUEST_STREAM] = True

    def begin(instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
        attributes = known.copy()
        try:
            attributes.update(hook.target(instance))
        except Exception as error:
            failed(f"{sdk.package}.target", error)
        request = {**dict(zip(names, args, strict=False)), **kwargs} if args else kwargs
        return Call.begin(hook.reader, request, attributes, hook.kind)

    return begin


def _around(sdk: Sdk, hook: Hook, original: Any) -> Wrapper:
    """Return the wrapper of one hooked method."""
    begin = beginner(sdk, hook, original)

    async def later(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = begin(instance, args, kwargs)
        if call is None:
            return await wrapped(*args, **kwargs)
        return await awaited(wrapped, args, kwargs, call)

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if not sdk.enabled:
            return wrapped(*args, **kwargs)
        if is_coroutine_function:
            return later(wrapped, instance, args, kwargs)
        if late is not None:
            return late(lambda: begin(instance, args, kwargs), wrapped(*args, **kwargs))
        call = begin(instance, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        return run(wrapped, args, kwargs, call)

    is_coroutine_function = inspect.iscoroutinefunction(inspect.unwrap(original))
    late: Any = None
    if inspect.isgeneratorfunction(original):
        late = begun_late
    elif inspect.isasyncgenfunction(original):
        late = begun_late_async
    return around


def run(wrapped: Callable[..., Any], args: Any, kwargs: Any, call: Call) -> Any:
    """Make the call with its span current, and end it when its result is really there."""
    call.attach()
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
    return settled(call, result)


async def awaited(wrapped: Callable[..., Any], args: Any, kwargs: Any, call: Call) -> Any:
    """Await the call with its span current."""
    call.attach()
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
    return settled(call, result)


def settled(call: Call, result: Any) -> Any:
    """End *call* with *result*: now, when it has been awaited, or when it has been drained."""
    kind = type(result)
    if kind is CoroutineType:
        return _settled_later(call, result)
    if kind is GeneratorType:
        return watched(opening(result, call), call)
    if kind is AsyncGeneratorType:
        return watched_async(opening_async(result, call), call)
    if hasattr(raw := getattr(result, "http_response", None), "iter_bytes"):
        harmless(read_raw, call, raw)
        return result
    within = getattr(result, "generator", None)
    if isinstance(within, GeneratorType | AsyncGeneratorType) and hasattr(result, "response"):
        harmless(watch_within, result, "generator", within, call)
        return result
    if hasattr(kind, "__anext__") or hasattr(kind, "__next__"):
        from ._proxies import Stream

        return Stream(result, call)
    if inspect.isawaitable(result):
        return _settled_later(call, result)
    call.finish(result)
    return result


async def _settled_later(call: Call, pending: Any) -> Any:
    call.attach()
    try:
        result = await pending
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
    return settled(call, result)


def _positional(function: Any) -> tuple[str, ...]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()
    return tuple(names[1:] if names[:1] == ["self"] else names)
