"""What is told of experiments, models and traces beside their spans: log events, of which the newest value stands.

No server is asked: ids follow from names, so telling the same thing again changes nothing, and neither is it sent
again. What `set_experiment` and `set_active_model` tell waits for the first span, since the application may not have
set its OpenTelemetry providers yet; for `flush` or the end of the process where no span comes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanbook_schemas import names

from . import _provider
from ._belonging import Experiment, experiment_in_force, id_of_model
from ._guard import harmless
from ._records import emit, trace_id_of

_MOST_TOLD = 1_000  # entities whose last event is remembered

_told: dict[tuple[str, str], Mapping[str, Any]] = {}


@dataclass(frozen=True)
class LoggedModel:
    """A version of an application: what `set_active_model` attributes traces to."""

    model_id: str
    name: str
    model_type: str | None
    params: Mapping[str, str]
    tags: Mapping[str, str]


def create_experiment(
    name: str, *, description: str | None = None, tags: Mapping[str, Any] | None = None
) -> Experiment:
    """Write down an experiment, which needs no traces to be there; one of that name gets what is new.

    Raises ValueError for a name that is empty or over 500 characters.
    """
    experiment = Experiment.named(name)
    attributes = {names.EXPERIMENT_NAME: name, names.EXPERIMENT_DESCRIPTION: description}
    emit(names.EXPERIMENT_EVENT, {**attributes, **_each(names.EXPERIMENT_TAG_PREFIX, tags)})
    return experiment


def create_external_model(
    name: str,
    *,
    model_type: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> LoggedModel:
    """Write down a version of an application that is deployed elsewhere: what it is made of, under its name.

    The id follows from the name, so `set_active_model(name=…)` means this one. Raises ValueError for an empty name.
    """
    if not name:
        raise ValueError("cannot name the model: ``\nhint: a version of the application, such as 'agent-v3'")
    model = LoggedModel(id_of_model(name), name, model_type, _texts(params), _texts(tags))
    attributes = {
        names.LOGGED_MODEL_ID: model.model_id,
        names.LOGGED_MODEL_NAME: name,
        names.LOGGED_MODEL_TYPE: model_type,
        names.LOGGED_MODEL_STATUS: "READY",
    }
    described = {**_each(names.LOGGED_MODEL_PARAM_PREFIX, params), **_each(names.LOGGED_MODEL_TAG_PREFIX, tags)}
    emit(names.LOGGED_MODEL_EVENT, {**attributes, **described, **experiment_in_force()})
    return model


def set_trace_tag(trace_id: str, key: str, value: Any) -> None:
    """Tag a trace, also one that ended long ago or has not come yet; the value becomes a string.

    Raises ValueError for what is no trace id, for an empty key and for an empty value, which would take the tag away.
    """
    if str(value) == "":
        raise ValueError(f"cannot tag a trace with nothing: `{key}`\nhint: delete_trace_tag takes a tag away")
    _tag(trace_id, key, str(value))


def delete_trace_tag(trace_id: str, key: str) -> None:
    """Take a tag of a trace away; raises ValueError for what is no trace id and for an empty key."""
    _tag(trace_id, key, "")


def tell_experiment(name: str) -> None:
    """See to it that the experiment is written down, once the providers are known."""
    _tell(names.EXPERIMENT_EVENT, name, {names.EXPERIMENT_NAME: name})


def tell_model(model_id: str, name: str) -> None:
    """See to it that the version is written down, once the providers are known."""
    attributes = {names.LOGGED_MODEL_ID: model_id, names.LOGGED_MODEL_NAME: name, **experiment_in_force()}
    _tell(names.LOGGED_MODEL_EVENT, model_id, attributes)


def reset() -> None:
    """Forget what was told."""
    _told.clear()


def _tell(event: str, key: str, attributes: Mapping[str, Any]) -> None:
    if _told.get((event, key)) == attributes:
        return
    while len(_told) >= _MOST_TOLD:
        _told.pop(next(iter(_told)), None)
    _told[event, key] = attributes
    now = time.time_ns()
    _provider.when_known(lambda: harmless(emit, event, attributes, at=now))


def _tag(trace_id: str, key: str, value: str) -> None:
    if not key:
        raise ValueError("cannot tag a trace without a key\nhint: set_trace_tag(trace_id, 'reviewed', 'yes')")
    emit(names.TRACE_TAG_EVENT, {f"{names.TAG_PREFIX}{key}": value}, trace_id=trace_id_of(trace_id))


def _each(prefix: str, values: Mapping[str, Any] | None) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in _texts(values).items()}


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items()}
