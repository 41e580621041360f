"""SDKs as they were a year ago, through the same tests in an environment of their own; and what needs one of its own.

Made on demand, with `SPANBOOK_ENVS=1`: a locked list of `tests/envs` becomes an environment beside `.venv`. The list is
what `uv pip compile` makes of the `.in` file beside it; of `old.in` with `--exclude-newer` a year ago.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import interpreters

ROOT = Path(__file__).parents[2]
APPLICATION_SIDE = ("instrumentation", "schemas")
OLD = "old"
BETWEEN = "between"
NATIVE = "native"
SCENARIOS = "tests/scenarios/test_every_sdk.py"
INSTRUMENTATION = "tests/instrumentation"

NOT_THEN = {
    SCENARIOS: {
        "bedrock.retrieve": "documents have no ids",
        "bedrock.converse_more": "no outputConfig",
        "mistralai.chat_more": "no reasoning_effort",
        "huggingface_hub.feature_extraction_more": "no dimensions",
        "google_genai.interactions": "no interactions",
        "google_genai and timeout": "its asynchronous client keeps to no timeout",
        "litellm and cut_by and async": "its asynchronous stream ends as if nothing had happened",
        "litellm.transcripts": "it wants all details of token counts, and streams none",
        "litellm.messages_translated and stream": "it streams them asynchronously alone, and tells less of tokens",
        "litellm.chat_converted": "it tells less of Anthropic's tokens",
        "mistralai and (retried or retries)": "nothing of its own runs before each retry",
        "cohere and (retried or retries)": "it counts from two, so that two retries are none",
    },
    "tests/scenarios/test_import_order.py": {},
    "tests/scenarios/test_known_breakage.py": {
        "google_genai.interactions": "no interactions",
        "litellm.transcripts or atranscription": "it wants all details of token counts, and streams none",
        "litellm.messages_translated-stream": "it streams them asynchronously alone",
        "break_off": "LiteLLM's stream ends as if nothing had happened",
    },
    "tests/scenarios/test_odd_answers.py": {
        "litellm.chat-call and known": "what it measures is in the words of its errors",
    },
    INSTRUMENTATION: {},
}
"""Which tests run there; and what those releases do not have, or do otherwise by themselves."""

ELSEWHERE = {
    "test_export.py": "runs here, a collector, with its applications there",
    "test_server_shutdown.py": "the same",
    "test_gevent.py": "no gevent",
    "test_suppression.py": "OpenTelemetry's own instrumentation of that time had no marks",
    "test_footprint.py": "measures an installed distribution, on OpenTelemetry's newest release",
}
"""What of the instrumentation's tests does not run there."""
FROM_HERE = ("tests/instrumentation/test_export.py", "tests/instrumentation/test_server_shutdown.py")

QUIET = (
    "ignore::DeprecationWarning",
    "ignore:Unclosed:ResourceWarning",
    "ignore:Pydantic serializer:UserWarning",
    "ignore:Interactions usage is experimental:UserWarning",
    "ignore:Granular retry options are not supported:UserWarning",
    "ignore:Async interactions client cannot use aiohttp:UserWarning",
)
"""What old releases complain of among themselves."""


@pytest.fixture(scope="module")
def python() -> Path:
    return interpreter_of(OLD)


@pytest.mark.parametrize("suite", NOT_THEN)
def test_year_old_releases_pass(suite: str, python: Path) -> None:
    chosen = ["-k", " and ".join(f"not ({what})" for what in NOT_THEN[suite])] if NOT_THEN[suite] else []
    if suite == INSTRUMENTATION:
        chosen += [f"--ignore={suite}/{name}" for name in ELSEWHERE]
    passes(python, suite, *chosen)


def test_what_they_send_arrives(python: Path) -> None:
    passes(Path(sys.executable), *FROM_HERE, applications=python)


def test_google_genai_with_a_client_of_its_own_for_interactions_passes() -> None:
    interactions = f"{INSTRUMENTATION}/test_gemini_interactions.py"
    passes(interpreter_of(BETWEEN), SCENARIOS, interactions, "-k", "google_genai or gemini")


def test_frameworks_that_trace_themselves_pass() -> None:
    passes(interpreter_of(NATIVE), f"{INSTRUMENTATION}/test_native_frameworks.py")


def test_interactions_pass_in_a_release_between() -> None:
    passes(interpreter_of(NATIVE), f"{INSTRUMENTATION}/test_gemini_interactions.py")


def interpreter_of(name: str) -> Path:
    """The interpreter of an environment, made when it is not there yet or when its list has changed."""
    if not os.environ.get("SPANBOOK_ENVS"):
        pytest.skip("SPANBOOK_ENVS=1 builds other environments and runs their scenarios")
    place = ROOT / ".venv" / "envs" / name
    interpreter = place / "bin" / "python"
    uv, lock = Path(sys.executable).with_name("uv"), ROOT / "tests" / "envs" / f"{name}.txt"
    if not interpreter.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", interpreter, lock], check=True)
    return interpreter


def passes(interpreter: Path, *arguments: str, applications: Path | None = None) -> None:
    quiet = [option for warning in QUIET for option in ("-W", warning)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in APPLICATION_SIDE)}
    if applications is not None:
        environment[interpreters.VARIABLE] = str(applications)
    done = subprocess.run(
        [interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider", *quiet, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
