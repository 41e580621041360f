"""autolog before the SDKs are imported: each is patched when the application imports it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fakes.provider import Provider

CALLS = """
import json, sys
import spanbook
spanbook.autolog()
assert not {"openai", "anthropic", "groq", "cohere", "ollama", "botocore"} & set(sys.modules)
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from scenarios.recorder import Recorder
from scenarios.table import leading
recorder = Recorder()
trace.set_tracer_provider(recorder.provider)
seen = {}
for row in leading():
    recorder.clear()
    row.ways[0].run(row.open(sys.argv[1]), row.fields)
    seen[row.sdk] = [span.name for span in recorder.finished]
print(json.dumps(seen))
"""


def test_every_sdk_is_traced_that_is_imported_after_autolog() -> None:
    tests = str(Path(__file__).parents[1])
    with Provider() as fake:
        done = subprocess.run(
            [sys.executable, "-c", CALLS, fake.url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen) > 5
    assert {sdk: len(names) for sdk, names in seen.items()} == dict.fromkeys(seen, 1)
