"""The web port: a plain ASGI application with five paths.

`/healthz` says that the process lives, `/readyz` that ClickHouse answers (what waits: `/metrics`); both answer anybody.
The page and `/metrics` need a key with the scope `read` as soon as there are keys; without keys they are for whoever
runs the collector, and not for pages that reach it through their browser under a name of their own (DNS rebinding).
"""

import base64
import importlib.resources
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import jinja2

from spanbook_collector.web.status import Status
from spanbook_schemas.keys import KeyRing, Scope
from spanbook_storage.node.access import is_ours

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

_FILES = importlib.resources.files("spanbook_collector.web")
_STYLE = (_FILES / "style.css").read_bytes()
_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    (_FILES / "page.html").read_text()
)

# Content is whatever strangers sent: nothing of it may run, and no other site may frame or sniff the page.
_SAFETY = {
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Web:
    """The application: `status` gathers the page, `ready` says why not (or nothing), `metrics` is Prometheus text."""

    def __init__(
        self,
        keys: KeyRing,
        status: Callable[[str | None], Awaitable[Status]],
        ready: Callable[[], Awaitable[str]],
        metrics: Callable[[], bytes],
        hosts: Collection[str] | None = None,
    ) -> None:
        """Without `hosts` any name will do to ask it under."""
        self._keys, self._status, self._ready, self._metrics, self._hosts = keys, status, ready, metrics, hosts
        self._routes: Mapping[str, Callable[[dict[str, Any], Send], Awaitable[None]]] = {
            "/": self._page,
            "/style.css": self._style,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._show_metrics,
        }

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        route = self._routes.get(scope["path"])
        if route is None:
            await _answer(send, 404, "text/plain", b"not found\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, "text/plain", b"method not allowed\n", {"allow": "GET, HEAD"})
        else:
            await route(scope, send)

    async def _page(self, scope: dict[str, Any], send: Send) -> None:
        if not self._is_known(scope):
            await _refuse_host(send)
            return
        tenant = self._tenant(scope)
        if tenant is _NOBODY:
            await _ask_for_key(send)
            return
        html = _PAGE.render(status=await self._status(tenant))
        await _answer(send, 200, "text/html; charset=utf-8", html.encode())

    async def _show_metrics(self, scope: dict[str, Any], send: Send) -> None:
        if not self._is_known(scope):
            await _refuse_host(send)
            return
        if self._tenant(scope) is _NOBODY:
            await _ask_for_key(send)
            return
        await _answer(send, 200, "text/plain; version=0.0.4; charset=utf-8", self._metrics())

    async def _style(self, scope: dict[str, Any], send: Send) -> None:
        await _answer(send, 200, "text/css; charset=utf-8", _STYLE)

    async def _healthz(self, scope: dict[str, Any], send: Send) -> None:
        await _answer(send, 200, "text/plain", b"ok\n")

    async def _readyz(self, scope: dict[str, Any], send: Send) -> None:
        reason = await self._ready()
        await _answer(send, 503 if reason else 200, "text/plain", f"{reason or 'ok'}\n".encode())

    def _is_known(self, scope: dict[str, Any]) -> bool:
        """Whether the name that it is asked under is ours; a key says enough of who asks."""
        if self._hosts is None or self._keys.closed:
            return True
        return is_ours(dict(scope["headers"]).get(b"host", b"").decode("latin-1"), self._hosts)

    def _tenant(self, scope: dict[str, Any]) -> str | None:
        """Whose rows the request may count: None for all (there are no keys), `_NOBODY` for nobody's."""
        if not self._keys.closed:
            return None
        key = self._keys.find(_secret(scope))
        return key.tenant if key is not None and key.may(Scope.READ) else _NOBODY


_NOBODY = "\0nobody"


def _secret(scope: dict[str, Any]) -> str:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    kind, _, value = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":  # what a browser asks its user for: any name, the key as password
        try:
            return base64.b64decode(value).decode().partition(":")[2]
        except ValueError:
            return ""
    return headers.get(b"x-api-key", b"").decode("latin-1")


async def _ask_for_key(send: Send) -> None:
    challenge = {"www-authenticate": 'Basic realm="Spanbook: any name, an API key as password"'}
    await _answer(send, 401, "text/plain", b"an API key with the scope `read` is needed\n", challenge)


async def _refuse_host(send: Send) -> None:
    await _answer(send, 403, "text/plain", b"this name is not served here: see `node.allow_hosts`\n")


async def _answer(send: Send, status: int, kind: str, body: bytes, headers: Mapping[str, str] = {}) -> None:
    every = {"content-type": kind, "content-length": str(len(body)), **_SAFETY, **headers}
    pairs = [(name.encode(), value.encode()) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
