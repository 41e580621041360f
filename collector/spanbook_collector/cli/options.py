"""Settings as options of a command, made from the configuration's own fields."""

import argparse
import os
from pathlib import Path
from typing import Any

from spanbook_collector.config import Config, load
from spanbook_collector.settings import settings_of


def declare_settings(parser: argparse.ArgumentParser, *, only: tuple[str, ...] = ()) -> None:
    """Add an option for every setting, or for those named."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    for setting in settings_of(Config):
        if only and setting.key not in only:
            continue
        extra: dict[str, Any] = {"action": "append"} if setting.repeatable else {}
        if setting.type is bool:
            extra = {"action": argparse.BooleanOptionalAction}
        elif not setting.repeatable:
            extra["metavar"] = setting.path[-1].upper()
        help_text = f"{setting.help} (default: {_shown(setting.default)})".replace("%", "%%")
        parser.add_argument(setting.flag, dest=setting.key, default=None, help=help_text, **extra)


def load_config(options: argparse.Namespace) -> Config:
    """Make the configuration from the options, the environment and the file that either names.

    Raises ConfigError.
    """
    flags = {setting.key: getattr(options, setting.key, None) for setting in settings_of(Config)}
    file = options.config or (Path(os.environ["SPANBOOK_CONFIG"]) if os.environ.get("SPANBOOK_CONFIG") else None)
    return load(flags, os.environ, file)


def _shown(value: object) -> str:
    if value in ("", (), None):
        return "none"
    return f"{value:,}".replace(",", "_") if isinstance(value, int) and not isinstance(value, bool) else str(value)
