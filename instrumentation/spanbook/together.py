"""Together: chat, text completions, embeddings, images and audio, all OpenAI-shaped, and reranking."""

from __future__ import annotations

from typing import Any

from . import _stainless
from ._chat_completions import ChatCompletions
from ._completions import Completions
from ._embeddings import Embeddings
from ._hosts import server_at
from ._media import Images, Speech, Transcripts
from ._readers import Attributes, Reader
from ._reranking import Rerank
from ._sdk import Hook, Sdk

_READERS: dict[str, Reader] = {
    "/v1/chat/completions": ChatCompletions(),
    "/v1/completions": Completions(),
    "/v1/embeddings": Embeddings(),
    "/v1/images/generations": Images(),
    "/v1/audio/speech": Speech(),
    "/v1/audio/transcriptions": Transcripts(),
    "/v1/audio/translations": Transcripts(),
    "/v1/rerank": Rerank(),
}


_FIRST_METHODS = (
    ("chat.completions", "ChatCompletions.create", ChatCompletions()),
    ("completions", "Completions.create", Completions()),
    ("embeddings", "Embeddings.create", Embeddings()),
    ("images", "Images.generate", Images()),
    ("rerank", "Rerank.create", Rerank()),
)
"""Before 2.0, when the SDK was not generated."""


def _first_hooks() -> tuple[Hook, ...]:
    return tuple(
        Hook(f"together.resources.{module}", f"{kind}{method}", reader, _server, optional=True)
        for module, method, reader in _FIRST_METHODS
        for kind in ("", "Async")
    )


def _server(resource: Any) -> Attributes:
    return server_at(resource._client.base_url)


def _route(method: str, path: str) -> Reader | None:
    return _READERS.get(path)


_sdk = Sdk(
    provider="together",
    requires="together>=1.5",
    hooks=(*_stainless.hooks("together", _route), *_first_hooks()),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
