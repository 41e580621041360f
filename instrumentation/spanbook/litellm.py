"""LiteLLM: completions, text completions and embeddings of every provider it knows, one span each.

LiteLLM calls itself (`acompletion` runs `completion` in a thread, a text completion is a chat) and other SDKs; whatever
is further in adds to the outermost call. It decides the provider from the model's name, so that is where the span's
provider comes from. Functions are patched in `litellm` and in `litellm.main`; `from litellm import completion` before
`autolog()` keeps the original.
"""

from __future__ import annotations

import sys
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import ChatCompletions
from ._completions import Completions
from ._embeddings import Embeddings
from ._hosts import server_at
from ._readers import Attributes, Fields
from ._sdk import Hook, Sdk

_NAMES = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "gemini": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
    "text-completion-openai": "openai",
    "cohere_chat": "cohere",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
}
"""The conventions' names, and those of Spanbook's other modules, by LiteLLM's."""


def _routed(request: Fields) -> Attributes:
    """What LiteLLM itself would make of the model's name: the provider, and the model as the provider knows it."""
    model, given, url = request.get("model"), request.get("custom_llm_provider"), request.get("api_base")
    resolve = getattr(sys.modules.get("litellm"), "get_llm_provider", None)
    found: Attributes = dict(server_at(url)) if url else {}
    if resolve is None or not isinstance(model, str):
        return found
    try:
        model, provider, _, known_url = resolve(model=model, custom_llm_provider=given, api_base=url)
    except Exception:  # a model that LiteLLM does not know: its own error follows
        return found
    found[gen_ai.REQUEST_MODEL] = model
    found[gen_ai.PROVIDER_NAME] = _NAMES.get(provider, provider)
    return found if url else {**found, **server_at(known_url or "")}


class _Chat(ChatCompletions):
    def request(self, request: Fields) -> Attributes:
        return {**super().request(request), **_routed(request)}


class _Text(Completions):
    def request(self, request: Fields) -> Attributes:
        return {**super().request(request), **_routed(request)}


class _Embed(Embeddings):
    def request(self, request: Fields) -> Attributes:
        return {**super().request(request), **_routed(request)}


_READERS: dict[str, Any] = {
    "completion": _Chat(),
    "acompletion": _Chat(),
    "text_completion": _Text(),
    "atext_completion": _Text(),
    "embedding": _Embed(),
    "aembedding": _Embed(),
}

_sdk = Sdk(
    provider="litellm",
    requires="litellm>=1.80",
    hooks=tuple(
        Hook(module, name, reader) for module in ("litellm.main", "litellm") for name, reader in _READERS.items()
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
