"""API keys as they rest on disk: who may send and read, by the SHA-256 of the secret.

The file's presence closes the door: where it exists, even with no key in it, every call needs a key. Secrets have 256
random bits, so a plain digest is enough at rest, and looking one up by its digest tells a guesser nothing.
"""

import hashlib
import json
import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

FORMAT = 1
RELOAD_SECONDS = 1.0

log = logging.getLogger("spanbook.keys")


class Scope(StrEnum):
    """What a key is good for; `admin` may do everything."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True)
class Key:
    """One API key: `id` names it in lists, `tenant` is the project that its holder writes to and reads from."""

    id: str
    digest: str
    tenant: str
    scopes: frozenset[Scope]
    created_at: str

    def may(self, scope: Scope) -> bool:
        """Say whether the key is good for `scope`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def digest(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(path: Path) -> tuple[Key, ...]:
    """Read all keys; a file that is not there holds none.

    Raises ValueError for a file that is no key file, OSError for one that cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return ()
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']} is not known here")
        return tuple(_key(entry) for entry in document["keys"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"`{path}` is no key file: {error!r}") from error


class KeyRing:
    """The keys of a file, read again when it changes; what a server asks at every call.

    A file that gets damaged or cannot be read leaves the keys as they were.
    """

    def __init__(self, path: Path) -> None:
        """Read the keys; raises what `read_keys` raises."""
        self._path = path
        self._keys = _by_digest(read_keys(path))
        self._seen = self._state()
        self._closed = self._seen is not None
        self._checked = time.monotonic()

    @property
    def closed(self) -> bool:
        """Whether calls need a key; once they did, deleting the file does not open the door."""
        self._reload()
        return self._closed

    def find(self, secret: str) -> Key | None:
        """Return the key whose secret this is."""
        self._reload()
        return self._keys.get(digest(secret))

    def _reload(self) -> None:
        now = time.monotonic()
        if now - self._checked < RELOAD_SECONDS:
            return
        self._checked = now
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        self._closed = self._closed or state is not None
        try:
            self._keys = _by_digest(read_keys(self._path))
        except (OSError, ValueError) as error:
            log.warning("keys are as they were: %s", error)

    def _state(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _key(entry: dict[str, object]) -> Key:
    scopes = entry["scopes"]
    if not isinstance(scopes, list):
        raise ValueError("scopes are a list")
    return Key(
        id=str(entry["id"]),
        digest=str(entry["sha256"]),
        tenant=str(entry["tenant"]),
        scopes=frozenset(Scope(scope) for scope in scopes),
        created_at=str(entry["created_at"]),
    )


def _by_digest(keys: tuple[Key, ...]) -> dict[str, Key]:
    return {key.digest: key for key in keys}
