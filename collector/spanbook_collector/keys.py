"""Making and revoking API keys: the only writer of the key file.

The file is replaced as a whole (temporary file, fsync, rename), so a server that reads it sees the old keys or the new.
"""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from spanbook_collector.errors import SpanbookError
from spanbook_schemas.keys import FORMAT, Key, Scope, digest, read_keys

PREFIX = "spanbook_"


def create_key(path: Path, tenant: str, scopes: Sequence[Scope]) -> str:
    """Add a key of a project (tenant, `''` is the default one) and return its secret, which is kept nowhere.

    Raises SpanbookError for a tenant's name or a key file that cannot be used.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,64}", tenant):
        raise SpanbookError(f"a project cannot be named `{tenant}`", "use up to 64 letters, digits, `.`, `_` and `-`")
    if not scopes:
        raise SpanbookError("a key without scopes opens nothing", "scopes are `ingest`, `read` and `admin`")
    secret = PREFIX + secrets.token_urlsafe(32)
    found = digest(secret)
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    with _locked(path):
        _write(path, (*list_keys(path), Key(found[:12], found, tenant, frozenset(scopes), created_at)))
    return secret


def revoke_key(path: Path, id: str) -> None:
    """Take a key away; servers notice within a second or two. Raises SpanbookError when there is no such key."""
    with _locked(path):
        keys = list_keys(path)
        kept = tuple(key for key in keys if key.id != id)
        if len(kept) == len(keys):
            raise SpanbookError(f"there is no key `{id}`", "`spanbook keys list` shows the ids")
        _write(path, kept)


def list_keys(path: Path) -> tuple[Key, ...]:
    """Return all keys, oldest first. Raises SpanbookError for a file that cannot be read."""
    try:
        return read_keys(path)
    except (OSError, ValueError) as error:
        raise SpanbookError(
            f"cannot read the API keys: {error}", "restore the file from a copy, or move it away"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    document = {"format": FORMAT, "keys": [_entry(key) for key in keys]}
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w") as stream:
        json.dump(document, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _entry(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "sha256": key.digest,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
    }
