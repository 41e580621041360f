"""Who is asking, and whether a page in a browser made them ask.

Pages from elsewhere reach a port on loopback through the browser of whoever runs it, either across origins or under a
name of their own that resolves to 127.0.0.1; so the Host must be an address or a name that we were given.
"""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from spanbook_schemas.keys import KeyRing, Scope

from .config import NodeConfig
from .errors import NodeError, access_denied
from .request import Request

WRITER = "spanbook"


@dataclass(frozen=True)
class Caller:
    """Whoever sends a request; `tenant` None sees all rows."""

    user: str
    writes: bool = False
    tenant: str | None = None


class Door:
    """Decides who comes in."""

    def __init__(self, config: NodeConfig) -> None:
        self._secret = config.secret.encode()
        self._keys = KeyRing(config.keys) if config.keys else None
        self._hosts = {"localhost", config.host.lower(), *(name.lower() for name in config.allowed_hosts)}

    def admit(self, request: Request) -> Caller:
        """The caller of a request; raises NodeError 497 for a foreign page and 516 for wrong credentials."""
        self._refuse_foreign_pages(request)
        user, password = _credentials(request)
        if user == WRITER:
            if self._secret and hmac.compare_digest(password.encode(), self._secret):
                return Caller(WRITER, writes=True)
            raise _not_authenticated(user)
        if self._keys and self._keys.closed:
            key = self._keys.find(password)
            if not key or not key.may(Scope.READ):
                raise _not_authenticated(user)
            return Caller(key.id, tenant=key.tenant)
        return Caller(user)

    def _refuse_foreign_pages(self, request: Request) -> None:
        host = request.headers.get("host", "")
        if not is_ours(host, self._hosts):
            hint = f"hint: start the node with `--allow-host {_name_of(host)}`"
            raise access_denied(f"Host `{host}` is not served here\n{hint}")
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise access_denied(f"pages of `{origin}` may not ask here")
        crossing = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if crossing and request.headers.get("sec-fetch-mode") != "navigate":
            raise access_denied("pages from elsewhere may not ask here")


def is_ours(host: str, names: Collection[str]) -> bool:
    """Whether a Host header is an address or one of the names: no page can have it under a name of its own."""
    name = _name_of(host)
    if not host or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return "default", value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise _not_authenticated("?") from None
        return user or "default", password
    user = request.headers.get("x-clickhouse-user") or request.url.get("user") or "default"
    return user, request.headers.get("x-clickhouse-key") or request.url.get("password", "")


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _not_authenticated(user: str) -> NodeError:
    text = f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
    return NodeError(516, "AUTHENTICATION_FAILED", text)
