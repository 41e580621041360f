"""The OpenTelemetry JavaScript SDK, on the Node.js of the development environment."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

JS = Path(__file__).parent / "js"
BIN = Path(sys.executable).parent


def install() -> Path:
    """Install the SDK as its lock file says and return Node.js; the test is skipped where npm cannot."""
    with (JS / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = JS / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < (JS / "package-lock.json").stat().st_mtime:
            command = [BIN / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=JS, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install the JavaScript SDK: {done.stderr[-300:]}")
            installed.touch()
    return BIN / "node"


def send(node: Path, encoding: str, url: str, count: int, name: str, *header: str) -> Any:
    """Send `count` spans as `json` or `protobuf`; returns what the SDK's exporter says, code 0 for success."""
    command = [node, "send.js", encoding, url, str(count), name, *header]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return json.loads(done.stdout)
