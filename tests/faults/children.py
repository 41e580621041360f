"""A child process under load whose lines fill a ledger, and that is killed when the test says so."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from .ledger import Ledger

_TESTS = Path(__file__).parents[1]


class Appender:
    """Runs `faults.appender`; what it says is in the ledger, up to its last breath."""

    def __init__(self, directory: Path, ledger: Ledger, *options: str) -> None:
        self._ledger = ledger
        again = [str(number) for number in ledger.unanswered]
        first = str(max(ledger.sent, default=-1) + 1)
        command = [sys.executable, "-m", "faults.appender", str(directory), "--first", first, *options]
        command += ["--again", *again] if again else []
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(_TESTS)}, bufsize=1 << 16
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def run_until(self, acknowledged: int) -> None:
        """Follow the child until so many more requests are acknowledged."""
        wanted = len(self._ledger.acknowledged) + acknowledged
        while len(self._ledger.acknowledged) < wanted:
            assert self._follow(), f"the child ended with {self.process.wait()}"

    def kill(self) -> None:
        """SIGKILL, and note what it still said before."""
        self.process.kill()
        while self._follow():
            pass
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _follow(self) -> bool:
        assert self.process.stdout is not None
        if self.process.stdout.closed:
            return False
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):  # killed in the middle of a line
            return False
        what, number = line.split()
        (self._ledger.sent if what == b"sent" else self._ledger.acknowledged).add(int(number))
        return True
