"""Anthropic: messages, plain and streamed, beta and stable, on its own servers, Bedrock, Vertex and Foundry."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import get_current

from spanbook_schemas import gen_ai

from . import _stainless, _suppression
from ._messages import Messages
from ._readers import Attributes, Reader
from ._sdk import Patch, Sdk

_MESSAGES = Messages()


def _route(method: str, path: str) -> Reader | None:
    return _MESSAGES if path.partition("?")[0] == "/v1/messages" and method.lower() == "post" else None


def _platform(client: Any, attributes: Attributes) -> None:
    if (name := getattr(client, "_gen_ai_provider_name", None)) or (name := _by_class(client)):
        attributes[gen_ai.PROVIDER_NAME] = name


def _by_class(client: Any) -> str | None:
    kind = type(client).__name__
    return "aws.bedrock" if "Bedrock" in kind else "gcp.vertex_ai" if "Vertex" in kind else None


def _silent_when_owned(sdk: Sdk, original: Any) -> Any:
    """Anthropic's SDK emits a span of its own; not for the calls that have one from us."""

    def tracer(client: Any) -> Any:
        return None if _suppression.owned(get_current()) else original.__get__(client, type(client))

    return property(tracer)


_sdk = Sdk(
    provider="anthropic",
    requires="anthropic>=0.75",
    hooks=(
        # What we do not trace, its own spans tell of.
        *_stainless.hooks("anthropic", _route, _platform, unknown_too=False),
        Patch("anthropic._base_client", "BaseClient._tracer", _silent_when_owned, optional=True),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
