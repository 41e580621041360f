"""Requests that ClickHouse refuses for good: set aside with the reason, never dropped.

A letter is two files in the dead-letter folder: `<seq>.otlp`, the request's bytes as they were queued, and
`<seq>.json`, which says what it is and why it was refused. Writing the same letter again changes nothing.

Whoever wants letters to be sent again moves them into the folder `again`; the writer, which knows the store and its
secrets, takes them from there, and puts back what is refused again.
"""

import dataclasses
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from spanbook_collector.queue import Record
from spanbook_schemas.signals import Signal

log = logging.getLogger("spanbook.collector")


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    """A refused request; `reason` is ClickHouse's answer, which may quote a value: for this folder, not for logs."""

    seq: int
    tenant: str
    signal: Signal
    received_at: int
    reason: str


class DeadLetters:
    """The dead-letter folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, record: Record, reason: str) -> None:
        """Set a request aside; on disk when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        letter = DeadLetter(record.seq, record.tenant, record.signal, record.received_at, reason)
        _write(self._body(record.seq), record.body)
        _write(self._note(record.seq), json.dumps(dataclasses.asdict(letter)).encode())
        _sync_folder(self.folder)

    def all(self) -> Iterator[DeadLetter]:
        """List the letters that can be read, oldest first."""
        for note in sorted(self.folder.glob("*.json")):
            try:
                fields = json.loads(note.read_bytes())
                letter = DeadLetter(**{**fields, "signal": Signal(fields["signal"])})
            except (OSError, ValueError, TypeError, KeyError) as error:
                log.warning("cannot read the dead letter `%s`: %s", note, type(error).__name__)
            else:
                yield letter

    def count(self) -> int:
        return sum(1 for _ in self.folder.glob("*.json"))

    def body(self, letter: DeadLetter) -> bytes:
        return self._body(letter.seq).read_bytes()

    def of(self, name: str) -> "DeadLetters":
        """The letters of a forward."""
        return DeadLetters(self.folder / name)

    @property
    def again(self) -> "DeadLetters":
        """The letters that are to be sent again."""
        return DeadLetters(self.folder / "again")

    def move(self, letter: DeadLetter, to: "DeadLetters", reason: str) -> None:
        """Move a letter to another folder, with what there is to say about it now."""
        record = Record(letter.seq, letter.tenant, letter.signal, letter.received_at, self.body(letter))
        to.put(record, reason)
        self.remove(letter)

    def remove(self, letter: DeadLetter) -> None:
        """Forget a letter that has been delivered after all."""
        self._note(letter.seq).unlink()
        self._body(letter.seq).unlink()
        _sync_folder(self.folder)

    def _body(self, seq: int) -> Path:
        return self.folder / f"{seq:020d}.otlp"

    def _note(self, seq: int) -> Path:
        return self.folder / f"{seq:020d}.json"


def _write(path: Path, content: bytes) -> None:
    new = path.with_suffix(path.suffix + ".new")
    with open(new, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
