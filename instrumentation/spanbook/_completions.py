"""Legacy completions: a prompt in, its continuation out."""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import ChatCompletions, OpenAIChatCompletions
from ._content import text_part
from ._fields import field, items, text
from ._readers import Attributes, Fields


class Completions(ChatCompletions):
    """Reads `/completions`."""

    operation = gen_ai.TEXT_COMPLETION

    def request_content(self, request: Fields) -> Attributes:
        prompt = request.get("prompt")
        prompts = [prompt] if isinstance(prompt, str) else [item for item in items(prompt) if isinstance(item, str)]
        return {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(item)]} for item in prompts] or None}

    def response_content(self, response: Any) -> Attributes:
        return {
            gen_ai.OUTPUT_MESSAGES: [
                {
                    "role": "assistant",
                    "parts": [text_part(text(field(choice, "text")) or "")],
                    "finish_reason": text(field(choice, "finish_reason")),
                }
                for choice in items(field(response, "choices"))
            ]
            or None
        }


class OpenAICompletions(Completions, OpenAIChatCompletions):
    """Reads what OpenAI itself adds."""

    def request(self, request: Fields) -> Attributes:
        found = super().request(request)
        del found[gen_ai.OPENAI_API_TYPE]  # the conventions have no word for this one
        return found
