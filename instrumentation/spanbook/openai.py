"""OpenAI and every service that its SDK is pointed at: Azure, DeepSeek, xAI, OpenRouter, vLLM and the like."""

from __future__ import annotations

import re

from . import _stainless
from ._chat_completions import OpenAIChatCompletions
from ._completions import OpenAICompletions
from ._embeddings import Embeddings
from ._hosts import provider_of
from ._media import Images, Speech, Transcripts
from ._readers import Reader
from ._responses import FetchedResponse, Responses
from ._sdk import Sdk

_READERS: dict[str, Reader] = {
    "/chat/completions": OpenAIChatCompletions(),
    "/responses": Responses(),
    "/embeddings": Embeddings(),
    "/completions": OpenAICompletions(),
    "/images/generations": Images(),
    "/images/edits": Images(),
    "/images/variations": Images(),
    "/audio/speech": Speech(),
    "/audio/transcriptions": Transcripts(),
    "/audio/translations": Transcripts(),
}
_FETCHED = FetchedResponse()
_STORED_RESPONSE = re.compile(r"/responses/[^/]+")


def _route(method: str, path: str) -> Reader | None:
    if method.lower() == "get":
        return _FETCHED if _STORED_RESPONSE.fullmatch(path) else None
    return _READERS.get(path)


_sdk = Sdk(
    provider="openai",
    requires="openai>=2",
    hooks=_stainless.hooks("openai", _route, provider_of),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
