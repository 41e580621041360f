"""Together: chat, text completions, embeddings, images and audio, all OpenAI-shaped."""

from __future__ import annotations

from . import _stainless
from ._chat_completions import ChatCompletions
from ._completions import Completions
from ._embeddings import Embeddings
from ._media import Images, Speech, Transcripts
from ._readers import Reader
from ._sdk import Sdk

_READERS: dict[str, Reader] = {
    "/v1/chat/completions": ChatCompletions(),
    "/v1/completions": Completions(),
    "/v1/embeddings": Embeddings(),
    "/v1/images/generations": Images(),
    "/v1/audio/speech": Speech(),
    "/v1/audio/transcriptions": Transcripts(),
    "/v1/audio/translations": Transcripts(),
}


def _route(method: str, path: str) -> Reader | None:
    return _READERS.get(path)


_sdk = Sdk(provider="together", requires="together>=2", hooks=_stainless.hooks("together", _route))
autolog = _sdk.autolog
unlog = _sdk.unlog
