"""`spanbook run -- python app.py`: tracing an application that knows nothing of Spanbook.

The command starts with this package's `_site` folder first on the Python path, whose `sitecustomize` calls `autolog()`
before the application's first line. (`opentelemetry-instrument` finds the instrumentors by their entry points instead.)
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

_SITE = Path(__file__).parent / "_site"


def run(command: Sequence[str]) -> NoReturn:
    """Replace this process by *command*, traced.

    Raises ValueError when no command is given, FileNotFoundError when there is none of that name.
    """
    if not command:
        raise ValueError("cannot run nothing\nhint: spanbook run -- python app.py")
    path = shutil.which(command[0])
    if path is None:
        raise FileNotFoundError(f"cannot find the command: `{command[0]}`")
    environment = {**os.environ, "PYTHONPATH": _with_site(os.environ.get("PYTHONPATH", ""))}
    sys.stdout.flush()
    os.execve(path, list(command), environment)


def _with_site(path: str) -> str:
    return os.pathsep.join(part for part in (str(_SITE), path) if part)
