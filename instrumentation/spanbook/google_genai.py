"""Google's Gemini through google-genai, on AI Studio and on Vertex.

Hooked is what makes one request, below `generate_content` and `interactions.create`: those may call the model many
times, running the application's functions in between or going on where a limit was reached, and each time is a call of
its own. Before 2.9 interactions had a client of their own, one of Stainless's. Requests are retried by tenacity, which
others use as well, those of interactions by a module of their own.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from spanbook_schemas import gen_ai

from . import _stainless
from ._gemini import Embeddings, GenerateContent, Images
from ._gemini_interactions import FetchedInteraction, Interactions
from ._hosts import server_at
from ._readers import Attributes, Reader
from ._sdk import Hook, Patch, Sdk, counting_retries


def _target(models: Any) -> Attributes:
    client = models._api_client
    provider = "gcp.vertex_ai" if client.vertexai else "gcp.gemini"
    return {gen_ai.PROVIDER_NAME: provider, **server_at(client._http_options.base_url)}


def _target_of_interactions(interactions: Any) -> Attributes:
    if hasattr(interactions, "_api_client"):
        return _target(interactions)
    configuration = interactions.sdk_configuration  # all that is kept of the client in 2.9 and 2.34
    vertex = "/projects/" in (configuration.globals.api_version or "") or "aiplatform" in configuration.server_url
    return {gen_ai.PROVIDER_NAME: "gcp.vertex_ai" if vertex else "gcp.gemini", **server_at(configuration.server_url)}


def _is_request(state: Any) -> bool:
    """Tell whether what tenacity retries is a request of this SDK's."""
    return getattr(state.fn, "__module__", None) == "google.genai._api_client"


def _route(method: str, path: str) -> Reader | None:
    if method.lower() == "post":
        return _INTERACTIONS["create"] if path.endswith("/interactions") else None
    return _INTERACTIONS["get"] if "/interactions/" in path and method.lower() == "get" else None


def _platform(client: Any, attributes: Attributes) -> None:
    adapter = getattr(client, "client_adapter", None)
    if getattr(client, "_is_vertex", False) or (adapter is not None and adapter.is_vertex_ai()):
        attributes[gen_ai.PROVIDER_NAME] = "gcp.vertex_ai"


_METHODS: dict[str, Reader] = {
    "_generate_content": GenerateContent(),
    "_generate_content_stream": GenerateContent(),
    "embed_content": Embeddings(),
    "generate_images": Images(),
}
_INTERACTIONS: dict[str, Reader] = {"create": Interactions(), "get": FetchedInteraction()}

_sdk = Sdk(
    provider="gcp.gemini",
    requires="google-genai>=1.20",
    library="google.genai",
    hooks=(
        *(
            Hook("google.genai.models", f"{models}.{method}", reader, _target, streams=method.endswith("_stream"))
            for models in ("Models", "AsyncModels")
            for method, reader in _METHODS.items()
        ),
        *(
            Hook("google.genai._gaos.interactions", f"{interactions}.{method}", reader, _target_of_interactions)
            for interactions in ("Interactions", "AsyncInteractions")
            for method, reader in _INTERACTIONS.items()
        ),
        *_stainless.hooks("google.genai._interactions", _route, _platform, unknown_too=False),
        Patch(
            "tenacity",
            "RetryCallState.prepare_for_next_attempt",
            partial(counting_retries, of=_is_request),
            optional=True,
        ),
        Patch("google.genai._gaos.utils.retries", "_get_sleep_interval", counting_retries, optional=True),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
