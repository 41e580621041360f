"""Mistral's API: OpenAI's chat with a seed of another name, chunks in an envelope, and agents that live at Mistral."""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from . import _chat_completions, _embeddings
from ._chat_completions import ChatCompletions, parameters
from ._content import text_part
from ._fields import field, integer, text
from ._readers import Attributes, Fields

PARAMETERS = {**_chat_completions.PARAMETERS, "random_seed": (gen_ai.REQUEST_SEED, integer)}


class Chat(ChatCompletions):
    """Reads `/v1/chat/completions`."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        return parameters(request, PARAMETERS)

    def join(self, chunks: list[Any]) -> Any:
        return super().join([field(chunk, "data") for chunk in chunks])


class FillInTheMiddle(Chat):
    """Reads `/v1/fim/completions`: what stands before and after the text that is asked for."""

    operation = gen_ai.TEXT_COMPLETION

    def request_content(self, request: Fields) -> Attributes:
        given = [text(request.get(name)) for name in ("prompt", "suffix")]
        parts = [text_part(piece) for piece in given if piece]
        return {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": parts}]}


class Agents(Chat):
    """Reads `/v1/agents/completions`: the agent is Mistral's, and so is the model behind it."""

    operation = gen_ai.INVOKE_AGENT

    def request(self, request: Fields) -> Attributes:
        found = super().request(request)
        found[gen_ai.AGENT_ID] = text(request.get("agent_id"))
        return found


class Embeddings(_embeddings.Embeddings):
    """Reads `/v1/embeddings`."""

    def request(self, request: Fields) -> Attributes:
        return super().request({**request, "dimensions": request.get("output_dimension")})
