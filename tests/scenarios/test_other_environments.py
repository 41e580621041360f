"""SDKs that do not fit into the development environment, through the same scenarios in one of their own.

Made on demand, with `SPANBOOK_ENVS=1`: a locked list of `tests/envs` becomes an environment beside `.venv`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = {"b": "litellm and (one_span or autolog_twice or never_read or between_chunks or left or not_captured)"}
"""By the name of the list: which scenarios run there."""


@pytest.fixture
def python(name: str) -> Path:
    """The interpreter of an environment, made when it is not there yet."""
    if not os.environ.get("SPANBOOK_ENVS"):
        pytest.skip("SPANBOOK_ENVS=1 builds other environments and runs their scenarios")
    place = ROOT / ".venv" / "envs" / name
    interpreter = place / "bin" / "python"
    if not interpreter.exists():
        uv, lock = Path(sys.executable).with_name("uv"), ROOT / "tests" / "envs" / f"{name}.txt"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", interpreter, "-r", lock], check=True)
    return interpreter


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_scenarios_hold_in_another_environment(name: str, python: Path) -> None:
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/scenarios/test_every_sdk.py"]
    paths = os.pathsep.join(str(ROOT / part) for part in ("instrumentation", "schemas"))
    done = subprocess.run(
        [*command, "-k", ENVIRONMENTS[name]],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
