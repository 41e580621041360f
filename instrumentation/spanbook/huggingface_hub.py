"""Hugging Face: chat, text generation, embeddings and images of the inference client, whoever serves the model."""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from ._hosts import server_at
from ._inference_tasks import Chat, FeatureExtraction, TextGeneration, TextToImage
from ._readers import Attributes, Reader
from ._sdk import Hook, Sdk

_ROUTER = "https://router.huggingface.co"


def _target(client: Any) -> Attributes:
    """A client's `model` is a model's name, or the address of a server that has one."""
    model = client.model
    if not isinstance(model, str):
        return server_at(_ROUTER)
    if model.startswith(("http://", "https://")):
        return server_at(model)
    return {gen_ai.REQUEST_MODEL: model, **server_at(_ROUTER)}


_TASKS: dict[str, Reader] = {
    "chat_completion": Chat(),
    "text_generation": TextGeneration(),
    "feature_extraction": FeatureExtraction(),
    "text_to_image": TextToImage(),
}
_CLIENTS = (
    ("huggingface_hub.inference._client", "InferenceClient"),
    ("huggingface_hub.inference._generated._async_client", "AsyncInferenceClient"),
)

_sdk = Sdk(
    provider="huggingface",
    requires="huggingface_hub>=0.30",
    hooks=tuple(
        Hook(module, f"{client}.{task}", reader, _target)
        for module, client in _CLIENTS
        for task, reader in _TASKS.items()
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
