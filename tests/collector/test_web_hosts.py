"""Which names the page may be asked under."""

from pathlib import Path
from typing import Any

import pytest

from spanbook_collector.keys import create_key
from spanbook_collector.web.app import Web
from spanbook_schemas.keys import KeyRing, Scope


async def _status(app: Web, path: str, host: str) -> int:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("no body is read")

    await app({"type": "http", "path": path, "method": "GET", "headers": [(b"host", host.encode())]}, receive, send)
    return int(sent[0]["status"])


async def _never(_: str | None = None) -> Any:
    raise AssertionError("nothing is looked up")


async def _ready() -> str:
    return ""


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4319", 200),
        ("[::1]:4319", 200),
        ("LOCALHOST", 200),
        ("", 200),
        ("evil.example:4319", 403),
        ("127.0.0.1.evil.example", 403),
    ],
)
async def test_a_page_from_elsewhere_reads_nothing_under_its_own_name(tmp_path: Path, host: str, status: int) -> None:
    app = Web(KeyRing(tmp_path / "keys.json"), _never, _ready, lambda: b"", {"localhost"})
    assert await _status(app, "/metrics", host) == status
    if status == 403:
        assert await _status(app, "/", host) == status
    assert await _status(app, "/healthz", host) == 200


async def test_with_keys_any_name_will_do_and_the_key_decides(tmp_path: Path) -> None:
    create_key(tmp_path / "keys.json", "", [Scope.READ])
    app = Web(KeyRing(tmp_path / "keys.json"), _never, _ready, lambda: b"", {"localhost"})
    assert await _status(app, "/metrics", "collector.example") == 401
