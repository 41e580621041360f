"""Groq: chat, embeddings and audio, OpenAI-shaped but for where a stream of chat carries its usage."""

from __future__ import annotations

from typing import Any

from . import _stainless
from ._chat_completions import ChatCompletions
from ._embeddings import Embeddings
from ._fields import field
from ._media import Speech, Transcripts
from ._readers import Reader
from ._sdk import Sdk


class _Chat(ChatCompletions):
    def join(self, chunks: list[Any]) -> Any:
        joined = super().join(chunks)
        if joined.get("usage") is None and chunks:
            joined["usage"] = field(field(chunks[-1], "x_groq"), "usage")
        return joined


_READERS: dict[str, Reader] = {
    "/openai/v1/chat/completions": _Chat(),
    "/openai/v1/embeddings": Embeddings(),
    "/openai/v1/audio/speech": Speech(),
    "/openai/v1/audio/transcriptions": Transcripts(),
    "/openai/v1/audio/translations": Transcripts(),
}


def _route(method: str, path: str) -> Reader | None:
    return _READERS.get(path)


_sdk = Sdk(provider="groq", requires="groq>=0.36", hooks=_stainless.hooks("groq", _route))
autolog = _sdk.autolog
unlog = _sdk.unlog
