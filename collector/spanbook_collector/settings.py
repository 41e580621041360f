"""How settings are read: dataclass fields, each with a default and one line of help, from the command line, the
environment, or a TOML file, in that order.

A field `max_bytes` of section `queue` is the key `max_bytes` in `[queue]` of the file, `SPANBOOK_QUEUE_MAX_BYTES`
in the environment, and `--queue-max-bytes` on the command line. Everything is read once, at start.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from spanbook_collector.errors import ConfigError

PREFIX = "SPANBOOK_"

T = TypeVar("T")


def option(default: Any, help: str) -> Any:
    """Declare a field: its default, and one line that says what it is for."""
    if isinstance(default, (dict, list)):
        raise TypeError("defaults are immutable")
    return dataclasses.field(default=default, metadata={"help": help})


def section(of: type[Any]) -> Any:
    """Declare a field that holds a group of settings."""
    return dataclasses.field(default_factory=of, metadata={"section": True})


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting: where it stands in the configuration and what it may be."""

    path: tuple[str, ...]
    type: Any
    default: Any
    help: str

    @property
    def key(self) -> str:
        return ".".join(self.path)

    @property
    def environment(self) -> str:
        return PREFIX + "_".join(self.path).upper()

    @property
    def flag(self) -> str:
        return "--" + "-".join(self.path).replace("_", "-")

    @property
    def repeatable(self) -> bool:
        return typing.get_origin(self.type) is tuple


def settings_of(config: type[Any], path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """List every setting of a configuration dataclass, sections opened."""
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        here = (*path, field.name)
        if field.metadata.get("section"):
            yield from settings_of(hints[field.name], here)
        elif "help" in field.metadata:
            yield Setting(here, hints[field.name], field.default, field.metadata["help"])


def build(config: type[T], flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]) -> T:
    """Make the configuration from flags (by key), environment and file, the first that names a setting deciding.

    Raises ConfigError for an unknown key or a value that does not fit, naming where it came from.
    """
    known = {setting.key: setting for setting in settings_of(config)}
    _refuse_unknown(known, environment, file)
    values = {}
    for key, setting in known.items():
        found = _find(setting, flags, environment, file)
        if found is not None:
            raw, source = found
            values[key] = _parse(setting, raw, source)
    return _assemble(config, values)


def _find(
    setting: Setting, flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]
) -> tuple[Any, str] | None:
    if flags.get(setting.key) is not None:
        return flags[setting.key], setting.flag
    if setting.environment in environment:
        return environment[setting.environment], setting.environment
    value: Any = file
    for part in setting.path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value, f"key `{setting.key}`"


def _refuse_unknown(known: Mapping[str, Setting], environment: Mapping[str, str], file: Mapping[str, Any]) -> None:
    for key in _leaves(file, known):
        if key not in known:
            raise ConfigError(f"unknown key in the configuration file: `{key}`", _nearest(key, known))
    names = {setting.environment for setting in known.values()}
    for name in environment:
        if name.startswith(PREFIX) and name not in names and name not in NOT_SETTINGS:
            raise ConfigError(f"unknown environment variable: `{name}`", _nearest(name, names))


# Variables that belong to other parts: the command line, the application side, and tests.
NOT_SETTINGS = frozenset(
    f"{PREFIX}{name}" for name in ("CONFIG", "GOLDEN", "KEY", "METRICS", "NODE_SECRET", "RAISE_ERRORS", "SEED", "SOAK")
)


def _leaves(file: Mapping[str, Any], known: Mapping[str, Setting], path: str = "") -> Iterator[str]:
    for name, value in file.items():
        key = f"{path}{name}"
        if isinstance(value, Mapping) and key not in known:
            yield from _leaves(value, known, f"{key}.")
        else:
            yield key


def _nearest(name: str, names: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean `{close[0]}`?" if close else "`spanbook serve --help` lists all settings"


def _parse(setting: Setting, raw: Any, source: str) -> Any:
    try:
        return _convert(setting.type, raw)
    except ValueError as error:
        raise ConfigError(
            f"{source} cannot be {raw!r}: {error}", f"{setting.help} (default: {setting.default})"
        ) from error


def _convert(kind: Any, raw: Any) -> Any:
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        items = [part.strip() for part in raw.split(",") if part.strip()] if isinstance(raw, str) else raw
        if not isinstance(items, (list, tuple)):
            raise ValueError("a list is needed")
        return tuple(_convert(inner, item) for item in items)
    if typing.get_origin(kind) is types.UnionType:
        return None if raw in ("", None) else _convert(typing.get_args(kind)[0], raw)
    if hasattr(kind, "parse"):
        return kind.parse(raw)
    if kind is bool:
        return _boolean(raw)
    if kind is Path and isinstance(raw, str):
        return Path(raw)
    if kind in (int, float) and not isinstance(raw, bool) and isinstance(raw, (int, float, str)):
        return kind(raw)
    if kind is str and isinstance(raw, str):
        return raw
    raise ValueError(f"a {kind.__name__} is needed")


def _boolean(raw: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if isinstance(raw, bool):
        return raw
    if str(raw).lower() in words:
        return words[str(raw).lower()]
    raise ValueError("true or false is needed")


def _assemble(config: type[T], values: Mapping[str, Any], path: str = "") -> T:
    hints = typing.get_type_hints(config)
    arguments = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        key = f"{path}{field.name}"
        if field.metadata.get("section"):
            arguments[field.name] = _assemble(hints[field.name], values, f"{key}.")
        elif key in values:
            arguments[field.name] = values[key]
    return config(**arguments)
