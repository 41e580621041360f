"""Fireworks: chat and text completions as OpenAI shapes them, messages as Anthropic does."""

from __future__ import annotations

from . import _fireworks_posts, _stainless
from ._chat_completions import ChatCompletions
from ._completions import Completions
from ._messages import Messages
from ._readers import Reader
from ._sdk import Sdk

_READERS: dict[str, Reader] = {
    "/v1/chat/completions": ChatCompletions(),
    "/v1/completions": Completions(),
    "/v1/messages": Messages(),
}


def _route(method: str, path: str) -> Reader | None:
    return _READERS.get(path)


_sdk = Sdk(
    provider="fireworks",
    requires="fireworks-ai>=0.19",
    hooks=(*_stainless.hooks("fireworks", _route), *_fireworks_posts.hooks()),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
