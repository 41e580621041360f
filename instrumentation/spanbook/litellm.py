"""LiteLLM: completions, responses, text completions and embeddings of every provider it knows, one span each.

LiteLLM calls itself (`acompletion` runs `completion` in a thread, a text completion is a chat) and other SDKs; whatever
is further in adds to the outermost call. It decides the provider from the model's name, so that is where the span's
provider comes from. Functions are patched in `litellm` and in `litellm.main`; `from litellm import completion` before
`autolog()` keeps the original.
"""

from __future__ import annotations

import sys
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import OpenAIChatCompletions
from ._completions import Completions
from ._embeddings import Embeddings
from ._fields import field
from ._hosts import server_at
from ._readers import Attributes, Fields
from ._responses import Responses
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
    sdk = sys.modules.get("litellm")
    resolve = getattr(sdk, "get_llm_provider", None)
    found: Attributes = dict(server_at(url)) if url else {}
    if resolve is None or not isinstance(model, str):
        return found
    model = (getattr(sdk, "model_alias_map", None) or {}).get(model, model)
    try:
        model, provider, _, known_url = resolve(model=model, custom_llm_provider=given, api_base=url)
    except Exception:  # a model that LiteLLM does not know: its own error follows
        return found
    found[gen_ai.REQUEST_MODEL] = model
    found[gen_ai.PROVIDER_NAME] = _NAMES.get(provider, provider)
    return found if url else {**found, **server_at(known_url or "")}


class _Chat(OpenAIChatCompletions):
    """Chat of any provider; what OpenAI alone says is told where LiteLLM went to OpenAI."""

    def request(self, request: Fields) -> Attributes:
        return _asked(super().request(request), request)

    def response(self, response: Any) -> Attributes:
        found = super().response(response)
        return found if _provider(response) == "openai" else _of_any(found)

    def join(self, chunks: list[Any]) -> Any:
        return {**super().join(chunks), "_hidden_params": field(chunks[0], "_hidden_params")}


class _Responses(Responses):
    """Responses of any provider; one that has none is asked for a chat, which adds to this span."""

    def request(self, request: Fields) -> Attributes:
        return _asked(super().request(request), request)

    def response(self, response: Any) -> Attributes:
        found = super().response(response)
        return found if _provider(response) in ("openai", None) else _of_any(found)


def _asked(found: Attributes, request: Fields) -> Attributes:
    found = {**found, **_routed(request)}
    return found if found.get(gen_ai.PROVIDER_NAME) == "openai" else _of_any(found)


def _provider(response: Any) -> Any:
    return field(field(response, "_hidden_params"), "custom_llm_provider")


def _of_any(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if not name.startswith(gen_ai.OF_ONE_PROVIDER)}


class _Text(Completions):
    def request(self, request: Fields) -> Attributes:
        return {**super().request(request), **_routed(request)}


class _Embed(Embeddings):
    def request(self, request: Fields) -> Attributes:
        return {**super().request(request), **_routed(request)}


_READERS: dict[str, Any] = {
    "completion": _Chat(),
    "acompletion": _Chat(),
    "responses": _Responses(),
    "aresponses": _Responses(),
    "text_completion": _Text(),
    "atext_completion": _Text(),
    "embedding": _Embed(),
    "aembedding": _Embed(),
}

_sdk = Sdk(
    provider="litellm",
    requires="litellm>=1.80",
    hooks=tuple(
        Hook(module, name, reader)
        for module in ("litellm.main", "litellm")
        for name, reader in _READERS.items()
        if (module, name) not in (("litellm.main", "responses"), ("litellm.main", "aresponses"))
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
