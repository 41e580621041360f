"""Applications that know nothing of Spanbook."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import spanbook
from fakes.provider import Provider
from spanbook import _run

APPLICATION = """
import sys
import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="k")
hello = [{"role": "user", "content": "Hi"}]
print(client.chat.completions.create(model="m", messages=hello).choices[0].message.content)
"""


def test_spanbook_run_traces_an_untouched_application(tmp_path: Path, fake: Provider) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "sitecustomize.py").write_text("import sys\nif 'app.py' in sys.orig_argv[1]: print('the one before')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    program = "import sys; from spanbook._run import run; run(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, sys.executable, str(tmp_path / "app.py"), f"{fake.url}/v1"],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "console", "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("the one before\nHello, world. How are you?\n")
    assert '"name": "chat m"' in done.stdout


def test_opentelemetrys_own_command_traces_an_untouched_application(tmp_path: Path, fake: Provider) -> None:
    """Beside OpenTelemetry's instrumentation of the same SDK, which its loader finds too."""
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    if not command.exists():
        pytest.skip("no opentelemetry-instrument here")
    (tmp_path / "app.py").write_text(APPLICATION)
    done = subprocess.run(
        [command, sys.executable, str(tmp_path / "app.py"), f"{fake.url}/v1"],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "console"},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Hello, world. How are you?\n")
    assert done.stdout.count('"name": "chat m"') == done.stdout.count('"gen_ai.usage.input_tokens": 118') == 1


def test_spanbook_run_says_what_it_cannot_run() -> None:
    with pytest.raises(ValueError, match="cannot run nothing"):
        _run.run([])
    with pytest.raises(FileNotFoundError, match="cannot find the command: `no-such-command`"):
        _run.run(["no-such-command"])


def declared() -> dict[str, EntryPoint]:
    """The entry points of the distribution, as they will be installed."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    group = "opentelemetry_instrumentor"
    return {name: EntryPoint(name, value, group) for name, value in project["entry-points"][group].items()}


def test_every_sdk_has_an_entry_point_for_opentelemetrys_loader() -> None:
    sdks = {f"spanbook_{name}": getattr(spanbook, name)._sdk for name in spanbook._SDKS}
    assert {name: entry.load()() for name, entry in declared().items()} == sdks


def test_what_the_loader_does_with_an_instrumentor_works() -> None:
    instrumentor = declared()["spanbook_openai"].load()()
    instrumentor.instrument(skip_dep_check=True)
    assert spanbook.openai._sdk.enabled
    instrumentor.uninstrument()
    assert not spanbook.openai._sdk.enabled
