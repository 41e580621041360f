"""Where spans belong: to an experiment, a model, a session, a user, and under which tags.

The experiment and the model hold for the process: they ride on the resource when they are set before Spanbook makes its
provider, and on the spans otherwise. Session, user and tags hold for a block; they travel as W3C baggage, so that they
reach the services that the block calls. A span processor puts them on every span that starts, also on spans of other
instrumentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from weakref import ref

from opentelemetry import baggage
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, detach, get_current, set_value
from opentelemetry.trace import Span, TracerProvider, get_current_span

from spanbook_schemas import gen_ai, names

_DEFAULT_TENANT = ""
_EXPERIMENT = (names.EXPERIMENT_ID, names.EXPERIMENT_NAME)
_MODEL = (names.MODEL_ID, names.MODEL_NAME)

_process: dict[str, str] = {}  # holds for the whole process
_passing: set[str] = set()  # keys of it that hold for a block only, and so must not become part of the resource
_resource: dict[str, str] = {}  # what of it the resource says already
_on_spans: dict[str, str] = {}  # what of it the resource does not say
_roots: dict[int, _Root] = {}  # by trace id


class _Root(ref[Span]):
    """The span that this process began a trace with, as long as somebody holds it.

    A `WeakValueDictionary` does the same in several times the time, on every trace.
    """

    __slots__ = ("trace_id",)
    trace_id: int

    @classmethod
    def remember(cls, span: Any) -> None:
        """Make *span* the root of its trace."""
        root = cls(span, _forget)
        root.trace_id = span.context.trace_id
        _roots[root.trace_id] = root


def _forget(root: _Root) -> None:
    if _roots.get(root.trace_id) is root:
        _roots.pop(root.trace_id, None)


def _root_of(span: Span) -> Span:
    held = _roots.get(span.get_span_context().trace_id)
    root = held() if held is not None else None
    return root if root is not None and root.is_recording() else span


@dataclass(frozen=True)
class Experiment:
    """A named collection of traces."""

    experiment_id: str
    """In the default project; the collector's projects have ids of their own for the same name."""
    name: str | None

    @classmethod
    def named(cls, name: str) -> Experiment:
        """Return the experiment of a name; raises ValueError for one that is empty or over 500 characters."""
        if not 0 < len(name) <= 500:
            raise ValueError(f"cannot use an experiment name of {len(name)} characters\nhint: 1 to 500")
        from spanbook_schemas.ids import experiment_id

        return cls(experiment_id(_DEFAULT_TENANT, name), name)


@dataclass(frozen=True)
class ActiveModel:
    """A version of the application that traces are attributed to; as a context manager, until the block ends."""

    model_id: str
    name: str | None
    _previous: Mapping[str, str]

    def __enter__(self) -> ActiveModel:
        _passing.update(_MODEL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _replace(_MODEL, dict(self._previous))


def set_experiment(name: str | None = None, *, experiment_id: str | None = None) -> Experiment:
    """Put all traces that begin from now on into an experiment, by its name or its id.

    One by name is written down with the first span, or else at the end of the process. Raises ValueError unless
    exactly one of them is given, or for a name over 500 characters.
    """
    if (name is None) == (experiment_id is None):
        raise ValueError(
            "cannot tell the experiment\nhint: set_experiment('name') or set_experiment(experiment_id='…')"
        )
    if experiment_id is not None:
        _replace(_EXPERIMENT, {names.EXPERIMENT_ID: experiment_id})
        return Experiment(experiment_id, None)
    assert name is not None
    experiment = Experiment.named(name)
    _replace(_EXPERIMENT, {names.EXPERIMENT_NAME: name})
    from ._entities import tell_experiment

    tell_experiment(name)
    return experiment


def set_active_model(name: str | None = None, *, model_id: str | None = None) -> ActiveModel:
    """Attribute all spans that start from now on to a version of the application.

    A name without an id gets the id that follows from the name; with a name, the version is written down with the
    first span. Raises ValueError when neither is given.
    """
    if not name and not model_id:
        raise ValueError("cannot tell the model\nhint: set_active_model(name='agent-v3') or model_id='…'")
    previous = {key: _process[key] for key in _MODEL if key in _process}
    model_id = model_id or id_of_model(name or "")
    chosen = {names.MODEL_ID: model_id} | ({names.MODEL_NAME: name} if name else {})
    _replace(_MODEL, chosen)
    if name:
        from ._entities import tell_model

        tell_model(model_id, name)
    return ActiveModel(model_id, name, previous)


@contextmanager
def context(
    *,
    session_id: str | None = None,
    user_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    enabled: bool = True,
) -> Iterator[None]:
    """Give every span in the block, here and in the services it calls, a session, a user and tags.

    With `enabled=False` the block is not traced at all.
    """
    values = attributes_of(session_id=session_id, user_id=user_id, tags=tags, metadata=metadata)
    current = get_current()
    for key, value in values.items():
        current = baggage.set_baggage(key, value, current)
    if not enabled:
        current = set_value(_SUPPRESS_INSTRUMENTATION_KEY, True, current)
    token = attach(current)
    try:
        yield
    finally:
        detach(token)


def update_current_trace(
    *,
    tags: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
) -> None:
    """Add to the trace that is under way; outside of one, nothing happens."""
    span = get_current_span()
    if not span.get_span_context().is_valid:
        return
    values = attributes_of(session_id=session_id, user_id=user_id, tags=tags, metadata=metadata)
    root = _root_of(span)
    root.set_attributes(values)
    if root is not span:
        own = {key: value for key, value in values.items() if not key.startswith("spanbook.")}
        span.set_attributes(own)


def attributes_of(
    *,
    session_id: str | None,
    user_id: str | None,
    tags: Mapping[str, str] | None,
    metadata: Mapping[str, str] | None,
) -> dict[str, str]:
    """Return the attributes that say so; values become strings."""
    values: dict[str, str] = {}
    if session_id is not None:
        values[gen_ai.SESSION_ID] = str(session_id)
    if user_id is not None:
        values[gen_ai.USER_ID] = str(user_id)
    for prefix, given in ((names.TAG_PREFIX, tags), (names.METADATA_PREFIX, metadata)):
        values.update({f"{prefix}{key}": str(value) for key, value in (given or {}).items()})
    return values


def on_resource() -> dict[str, str]:
    """Return what holds for the process now, for the resource of a provider that is being made."""
    _resource.clear()
    _resource.update({key: value for key, value in _process.items() if key not in _passing})
    _replace((), {})
    return dict(_resource)


def on_events() -> dict[str, str]:
    """Return what an event says of where it belongs."""
    return dict(_on_spans)


def experiment_in_force() -> dict[str, str]:
    """Return the experiment that was set for the process, also where the resource says it already."""
    return {key: _process[key] for key in _EXPERIMENT if key in _process}


def id_of_model(name: str) -> str:
    """Return the id of the version of a name."""
    import hashlib

    return f"m-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def stamp(provider: TracerProvider) -> None:
    """See to it that every span of *provider* says where it belongs; once for each provider."""
    add: Any = getattr(provider, "add_span_processor", None)
    if add is not None and not getattr(provider, "_spanbook_stamped", False):
        add(_Stamp())
        provider._spanbook_stamped = True  # type: ignore[attr-defined]


class _Stamp:
    """A span processor that adds attributes at the start and keeps nothing."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        if _on_spans:
            span.set_attributes(_on_spans)
        if parent_context is None:
            parent_context = get_current()
        if parent_context:
            for key, carried in baggage.get_all(parent_context).items():
                if key.startswith(_TRAVELLING):
                    span.set_attribute(key, str(carried))
        parent = span.parent
        if parent is None or parent.is_remote:
            _Root.remember(span)

    def _on_ending(self, span: Any) -> None:
        pass

    def on_end(self, span: Any) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


_TRAVELLING = (gen_ai.SESSION_ID, gen_ai.USER_ID, names.TAG_PREFIX, names.METADATA_PREFIX)


def _replace(keys: tuple[str, ...], values: Mapping[str, str]) -> None:
    global _on_spans
    for key in keys:
        _process.pop(key, None)
        _passing.discard(key)
    _process.update(values)
    _on_spans = {key: value for key, value in _process.items() if _resource.get(key) != value}


def reset() -> None:
    """Forget experiment and model."""
    global _on_spans
    _process.clear()
    _passing.clear()
    _resource.clear()
    _on_spans = {}
