"""What is captured, how much of it, and who may change it on the way out.

One frozen record, replaced as a whole by `configure`: a call in flight sees either the old or the new one. Where to
export to, sampling and headers are not here: they are OpenTelemetry's own `OTEL_*` environment variables.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

log = logging.getLogger("spanbook")

CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EVENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
METRICS_VARIABLE = "SPANBOOK_METRICS"
RAISE_VARIABLE = "SPANBOOK_RAISE_ERRORS"

# Sees a content value's path, such as `gen_ai.input.messages/0/parts/0/content`, and the value; returns what may leave.
Redact = Callable[[str, Any], Any]


class Content(Enum):
    """Where prompts, completions, tool arguments and results are recorded."""

    NO_CONTENT = "no_content"
    SPAN_ONLY = "span_only"
    EVENT_ONLY = "event_only"
    SPAN_AND_EVENT = "span_and_event"

    @classmethod
    def parse(cls, value: Content | bool | str) -> Content:
        """Read a switch as OpenTelemetry spells it, in any case, or the older `true` / `false`.

        Raises ValueError for any other value.
        """
        if isinstance(value, Content):
            return value
        spelled = str(value).strip().lower()
        if spelled in ("true", "false"):
            return cls.SPAN_ONLY if spelled == "true" else cls.NO_CONTENT
        try:
            return cls(spelled)
        except ValueError:
            raise ValueError(
                f"cannot tell which content to capture: `{value}`\n"
                "hint: NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT, true or false"
            ) from None


@dataclass(frozen=True, slots=True)
class Settings:
    """What `configure` sets; None means that the environment or the destination decides."""

    content: Content | None = None  # None: captured only on the way to a local collector that Spanbook itself chose
    events: bool | None = None  # the operation.details event; None: when content goes to events
    metrics: bool = False  # the client metrics of the conventions
    redact: Redact | None = None
    max_text: int = 131_072  # characters of one text before it is cut
    max_value: int = 1_048_576  # characters of one content attribute as JSON
    max_blob: int = 8_192  # base64 characters of inline media kept; larger media is referenced by size and type
    raise_errors: bool = False  # failures of Spanbook itself reach the application: for its own tests

    # What the above come to; set by `_resolved`, read on every call.
    span_content: bool = field(default=False, init=False)
    event_content: bool = field(default=False, init=False)
    emit_events: bool = field(default=False, init=False)


def configure(
    *,
    content: Content | bool | str | None = None,
    events: bool | None = None,
    metrics: bool | None = None,
    redact: Redact | None = None,
    max_text: int | None = None,
    max_value: int | None = None,
    max_blob: int | None = None,
    raise_errors: bool | None = None,
) -> None:
    """Change what is captured from now on; an argument that is left out stays as it was.

    `redact(path, value)` sees every content value before it is recorded. Raises ValueError for a value out of range.
    """
    global _settings
    changes: dict[str, Any] = {
        "events": events,
        "metrics": metrics,
        "redact": redact,
        "max_text": _positive("max_text", max_text),
        "max_value": _positive("max_value", max_value),
        "max_blob": _positive("max_blob", max_blob),
        "raise_errors": raise_errors,
    }
    if content is not None:
        changes["content"] = Content.parse(content)
    if redact is not None and not callable(redact):
        raise ValueError(f"cannot redact with: `{redact!r}`\nhint: redact=lambda path, value: …")
    given = {name: value for name, value in changes.items() if value is not None}
    _settings = _resolved(replace(_settings, **given))


def current() -> Settings:
    """What holds now."""
    return _settings


def destination_is_local(local: bool) -> None:
    """Say whether spans leave for a collector on this machine that Spanbook set up itself."""
    global _settings, _local
    _local = local
    _settings = _resolved(_settings)


def reset() -> None:
    """Forget what `configure` set and read the environment again."""
    global _settings, _local
    _local = False
    _settings = _resolved(_from_environment())


def _resolved(settings: Settings) -> Settings:
    content = settings.content or (Content.SPAN_ONLY if _local else Content.NO_CONTENT)
    resolved = replace(settings)
    in_events = content in (Content.EVENT_ONLY, Content.SPAN_AND_EVENT)
    object.__setattr__(resolved, "span_content", content in (Content.SPAN_ONLY, Content.SPAN_AND_EVENT))
    object.__setattr__(resolved, "event_content", in_events)
    object.__setattr__(resolved, "emit_events", in_events if settings.events is None else settings.events)
    return resolved


def _from_environment() -> Settings:
    return Settings(
        content=_content_from(os.environ.get(CONTENT_VARIABLE, "")),
        events=_flag(os.environ.get(EVENT_VARIABLE, "")),
        metrics=_flag(os.environ.get(METRICS_VARIABLE, "")) or False,
        raise_errors=_flag(os.environ.get(RAISE_VARIABLE, "")) or False,
    )


def _content_from(value: str) -> Content | None:
    if not value.strip():
        return None
    try:
        return Content.parse(value)
    except ValueError:
        # A misspelt switch must not publish prompts.
        log.warning("%s is `%s`, which no switch is called: content is not captured", CONTENT_VARIABLE, value)
        return Content.NO_CONTENT


def _flag(value: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())


def _positive(name: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ValueError(f"cannot use a limit below 1: `{name}={value}`")
    return value


_local = False
_settings = _resolved(_from_environment())
