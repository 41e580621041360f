"""OpenAI and every service that its SDK is pointed at: Azure, DeepSeek, xAI, OpenRouter, vLLM and the like."""

from __future__ import annotations

from . import _stainless
from ._chat_completions import OpenAIChatCompletions
from ._hosts import provider_of
from ._readers import Reader
from ._sdk import Sdk

_READERS: dict[str, Reader] = {
    "/chat/completions": OpenAIChatCompletions(),
}


def _route(method: str, path: str) -> Reader | None:
    return _READERS.get(path)


_sdk = Sdk(
    provider="openai",
    requires="openai>=2",
    hooks=_stainless.hooks("openai", _route, provider_of),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
