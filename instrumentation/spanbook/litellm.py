"""LiteLLM: chat, messages, responses, embeddings, images, audio, reranking of every provider it knows, one span each.

LiteLLM calls itself (`acompletion` runs `completion` in a thread, messages are a chat where a provider has none) and
other SDKs; whatever is further in adds to the outermost call. It decides the provider from the model's name, so that is
where the span's provider comes from. Functions are patched in `litellm` and in the modules that it has them from;
`from litellm import completion` before `autolog()` keeps the original, and so does, in releases of a year ago, a
`Router` for messages and responses.
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
from ._media import Images, Speech, Transcripts
from ._messages import Messages
from ._raw_responses import events
from ._readers import Attributes, Fields, Reader
from ._reranking import Rerank
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
    model, given = request.get("model"), request.get("custom_llm_provider")
    url = request.get("api_base") or request.get("base_url")
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


class _Routed(Reader):
    """What LiteLLM makes of the model's name, beside what another reader reads."""

    def request(self, request: Fields) -> Attributes:
        return {**super().request(request), **_routed(request)}


class _Messages(_Routed, Messages):
    """Anthropic's messages of any provider; streamed, they are the bytes that Anthropic would have sent."""

    def join(self, chunks: list[Any]) -> Any:
        return super().join(list(events(b"".join(chunk for chunk in chunks if isinstance(chunk, bytes)))))


class _Text(_Routed, Completions):
    pass


class _Embed(_Routed, Embeddings):
    pass


class _Images(_Routed, Images):
    def response(self, response: Any) -> Attributes:
        found = super().response(response)
        return found if any(found.values()) else {}  # noughts are LiteLLM's own: the provider counts nothing


class _Speech(_Routed, Speech):
    pass


class _Transcripts(_Routed, Transcripts):
    pass


class _Rerank(_Routed, Rerank):
    pass


def _both(reader: Reader, *names: str) -> dict[str, Reader]:
    """Return the reader by the names of functions and of their asynchronous twins."""
    return {twin: reader for name in names for twin in (name, f"a{name}")}


_FROM: dict[str, dict[str, Reader]] = {
    "litellm.main": {
        **_both(_Chat(), "completion"),
        **_both(_Text(), "text_completion"),
        **_both(_Embed(), "embedding"),
        **_both(_Speech(), "speech"),
        **_both(_Transcripts(), "transcription"),
    },
    "litellm.images.main": _both(_Images(), "image_generation", "image_edit", "image_variation"),
    "litellm.rerank_api.main": _both(_Rerank(), "rerank"),
}
"""What `litellm` has from elsewhere."""
_READERS: dict[str, dict[str, Reader]] = {
    **_FROM,
    "litellm.anthropic_interface.messages": _both(_Messages(), "create"),
    "litellm.anthropic_interface": _both(_Messages(), "create"),
    "litellm": {
        **{name: reader for readers in _FROM.values() for name, reader in readers.items()},
        **_both(_Responses(), "responses"),
        "anthropic_messages": _Messages(),
    },
}
_PARAMETERS = {
    "atext_completion": ("prompt", "model"),
    "aembedding": ("model", "input"),
    "aspeech": ("model", "input", "voice"),
    "atranscription": ("model", "file"),
}
"""What may be given without its name to functions that take anything and hand it on."""

_sdk = Sdk(
    provider="litellm",
    requires="litellm>=1.80",
    hooks=tuple(
        Hook(module, name, reader, parameters=_PARAMETERS.get(name, ()))
        for module, readers in _READERS.items()
        for name, reader in readers.items()
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
