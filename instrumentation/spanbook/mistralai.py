"""Mistral: chat, fill-in-the-middle, agents, conversations, embeddings. `parse` ends in the methods hooked here."""

from __future__ import annotations

from typing import Any

from ._hosts import server_at
from ._mistral_api import Agents, Chat, Embeddings, FillInTheMiddle
from ._mistral_conversations import Conversations
from ._readers import Attributes, Reader
from ._sdk import Hook, Patch, Sdk, counting_retries

_PACKAGES = ("mistralai.client", "mistralai")
"""Where its modules are, and where they were before 2.0."""


def _server(client: Any) -> Attributes:
    return server_at(client.sdk_configuration.get_server_details()[0])


def _hooks(module: str, name: str, methods: str, reader: Reader, *, streams: bool = False) -> tuple[Hook, ...]:
    """Return the hooks of methods and of their asynchronous twins."""
    names = [twin for method in methods.split() for twin in (method, f"{method}_async")]
    return tuple(
        Hook(f"{package}.{module}", f"{name}.{method}", reader, _server, streams=streams)
        for package in _PACKAGES
        for method in names
    )


_sdk = Sdk(
    provider="mistral_ai",
    requires="mistralai>=1.9",
    hooks=(
        *_hooks("chat", "Chat", "complete", Chat()),
        *_hooks("chat", "Chat", "stream", Chat(), streams=True),
        *_hooks("fim", "Fim", "complete", FillInTheMiddle()),
        *_hooks("fim", "Fim", "stream", FillInTheMiddle(), streams=True),
        *_hooks("agents", "Agents", "complete", Agents()),
        *_hooks("agents", "Agents", "stream", Agents(), streams=True),
        *_hooks("conversations", "Conversations", "start append restart", Conversations()),
        *_hooks(
            "conversations",
            "Conversations",
            "start_stream append_stream restart_stream",
            Conversations(),
            streams=True,
        ),
        *_hooks("embeddings", "Embeddings", "create", Embeddings()),
        *(
            Patch(f"{package}.utils.retries", "_get_sleep_interval", counting_retries, optional=True)
            for package in _PACKAGES
        ),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
