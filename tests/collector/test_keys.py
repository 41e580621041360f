import json
import os
import stat
from pathlib import Path

import pytest

from spanbook_collector.errors import SpanbookError
from spanbook_collector.keys import create_key, list_keys, revoke_key
from spanbook_schemas import keys as schema_keys
from spanbook_schemas.keys import KeyRing, Scope


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book" / "keys.json"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_keys, "RELOAD_SECONDS", 0.0)


def test_a_secret_opens_what_its_scopes_say(path: Path) -> None:
    secret = create_key(path, "acme", [Scope.INGEST])
    key = KeyRing(path).find(secret)
    assert key is not None
    assert key.tenant == "acme"
    assert [key.may(scope) for scope in (Scope.INGEST, Scope.READ, Scope.ADMIN)] == [True, False, False]


def test_an_admin_key_may_do_everything(path: Path) -> None:
    secret = create_key(path, "", [Scope.ADMIN])
    key = KeyRing(path).find(secret)
    assert key is not None
    assert all(key.may(scope) for scope in Scope)


def test_a_secret_is_kept_nowhere_and_the_file_is_the_owners_alone(path: Path) -> None:
    secret = create_key(path, "acme", [Scope.INGEST])
    assert secret.removeprefix("spanbook_") not in path.read_text()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_secrets_have_256_bits_and_differ(path: Path) -> None:
    made = {create_key(path, "acme", [Scope.INGEST]) for _ in range(5)}
    assert len(made) == 5
    assert all(len(secret.removeprefix("spanbook_")) == 43 for secret in made)


@pytest.mark.usefixtures("impatient")
def test_a_running_server_learns_of_new_and_revoked_keys(path: Path) -> None:
    ring = KeyRing(path)
    assert not ring.closed
    secret = create_key(path, "acme", [Scope.INGEST])
    assert ring.closed
    found = ring.find(secret)
    assert found is not None
    revoke_key(path, found.id)
    assert ring.find(secret) is None
    assert ring.closed


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 2, "keys": []}', b'{"format": 1, "keys": [{}]}'])
def test_a_damaged_file_leaves_the_keys_as_they_were(path: Path, damage: bytes) -> None:
    secret = create_key(path, "acme", [Scope.INGEST])
    ring = KeyRing(path)
    path.write_bytes(damage)
    assert ring.find(secret) is not None
    with pytest.raises(ValueError, match="no key file"):
        KeyRing(path)


@pytest.mark.usefixtures("impatient")
def test_deleting_the_file_does_not_open_the_door(path: Path) -> None:
    secret = create_key(path, "acme", [Scope.INGEST])
    ring = KeyRing(path)
    path.unlink()
    assert ring.closed
    assert ring.find(secret) is None


def test_keys_are_listed_oldest_first_and_an_unknown_one_cannot_be_revoked(path: Path) -> None:
    create_key(path, "b", [Scope.READ])
    create_key(path, "a", [Scope.INGEST, Scope.READ])
    assert [key.tenant for key in list_keys(path)] == ["b", "a"]
    with pytest.raises(SpanbookError, match="there is no key"):
        revoke_key(path, "nope")


@pytest.mark.parametrize("tenant", ["a b", "a/b", "a" * 65, "é", "a\n"])
def test_a_projects_name_is_plain(path: Path, tenant: str) -> None:
    with pytest.raises(SpanbookError, match="cannot be named"):
        create_key(path, tenant, [Scope.INGEST])


def test_a_file_of_an_unknown_format_is_said_to_be_so(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"format": 99, "keys": []}))
    with pytest.raises(SpanbookError, match="format 99"):
        list_keys(path)
