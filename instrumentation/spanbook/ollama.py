"""Ollama: chat, generate and embed, of clients and of the package itself.

`ollama.chat` and its like are methods of a client that the package makes when it is imported, bound before anybody
could patch their class: they are bound anew.
"""

from __future__ import annotations

from typing import Any

from ._hosts import server_at
from ._ollama_api import Chat, Embed, Generate
from ._readers import Attributes
from ._sdk import Hook, Patch, Sdk


def _server(client: Any) -> Attributes:
    return server_at(client._client.base_url)


def _bound_anew(sdk: Sdk, original: Any) -> Any:
    return getattr(original.__self__, original.__name__)


_READERS = {"chat": Chat(), "generate": Generate(), "embed": Embed(), "embeddings": Embed()}

_sdk = Sdk(
    provider="ollama",
    requires="ollama>=0.4",
    hooks=(
        *(
            Hook("ollama._client", f"{client}.{method}", reader, _server)
            for client in ("Client", "AsyncClient")
            for method, reader in _READERS.items()
        ),
        *(Patch("ollama", method, _bound_anew) for method in _READERS),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
