"""Cohere: chat and embeddings of its second API."""

from __future__ import annotations

from typing import Any

from ._cohere_v2 import Chat, Embed
from ._hosts import server_at
from ._readers import Attributes
from ._sdk import Hook, Sdk


def _server(client: Any) -> Attributes:
    return server_at(client._raw_client._client_wrapper.get_base_url())


_chat, _streamed, _embed = Chat(), Chat(streamed=True), Embed()

_sdk = Sdk(
    provider="cohere",
    requires="cohere>=5.13",
    hooks=tuple(
        Hook("cohere.v2.client", f"{client}.{method}", reader, _server)
        for client in ("V2Client", "AsyncV2Client")
        for method, reader in (("chat", _chat), ("chat_stream", _streamed), ("embed", _embed))
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
