"""Hugging Face's inference tasks: chat is OpenAI's, the others have parameters and results of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, ChatCompletions, parameters
from ._content import text_part
from ._fields import field, integer, items, number, text, texts, true
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "model": (gen_ai.REQUEST_MODEL, lambda value: _name(value)),
    "stream": (gen_ai.REQUEST_STREAM, true),
    "max_new_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "top_p": (gen_ai.REQUEST_TOP_P, number),
    "top_k": (gen_ai.REQUEST_TOP_K, integer),
    "stop": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "seed": (gen_ai.REQUEST_SEED, integer),
    "frequency_penalty": (gen_ai.REQUEST_FREQUENCY_PENALTY, number),
    "dimensions": (gen_ai.EMBEDDINGS_DIMENSION_COUNT, integer),
    "encoding_format": (gen_ai.REQUEST_ENCODING_FORMATS, texts),
}
_REASONS = {"eos_token": "stop", "stop_sequence": "stop"}


class Chat(ChatCompletions):
    """Reads the task `conversational`."""

    def request(self, request: Fields) -> Attributes:
        more = request.get("extra_body")  # what the server understands and the package has no parameter for
        found = super().request({**request, **more} if isinstance(more, Mapping) else request)
        if gen_ai.REQUEST_MODEL in found and _name(found[gen_ai.REQUEST_MODEL]) is None:
            del found[gen_ai.REQUEST_MODEL]
        return found


class TextGeneration(Reader):
    """Reads the task `text-generation`, whose result is a text unless details are asked for."""

    operation = gen_ai.TEXT_COMPLETION

    def request(self, request: Fields) -> Attributes:
        return parameters(request, _PARAMETERS)

    def request_content(self, request: Fields) -> Attributes:
        return {gen_ai.INPUT_MESSAGES: _said("user", text(request.get("prompt")))}

    def response(self, response: Any) -> Attributes:
        details = field(response, "details")
        reason = _reason(details)
        return {
            gen_ai.RESPONSE_FINISH_REASONS: [reason] if reason else None,
            gen_ai.USAGE_INPUT_TOKENS: len(items(field(details, "prefill"))) or None,
            gen_ai.USAGE_OUTPUT_TOKENS: integer(field(details, "generated_tokens")),
        }

    def response_content(self, response: Any) -> Attributes:
        told = response if isinstance(response, str) else text(field(response, "generated_text"))
        messages = _said("assistant", told)
        if messages and (reason := _reason(field(response, "details"))):
            messages[0]["finish_reason"] = reason
        return {gen_ai.OUTPUT_MESSAGES: messages}

    def join(self, chunks: list[Any]) -> Any:
        texts = [chunk if isinstance(chunk, str) else text(field(field(chunk, "token"), "text")) for chunk in chunks]
        return {"generated_text": "".join(filter(None, texts)), "details": field(chunks[-1], "details")}


class FeatureExtraction(Reader):
    """Reads the task `feature-extraction`."""

    operation = gen_ai.EMBEDDINGS

    def request(self, request: Fields) -> Attributes:
        return parameters(request, _PARAMETERS)

    def response(self, response: Any) -> Attributes:
        shape = getattr(response, "shape", None)
        return {gen_ai.EMBEDDINGS_DIMENSION_COUNT: integer(shape[-1])} if shape else {}


class TextToImage(Reader):
    """Reads the task `text-to-image`; the image itself stays where it is."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        return {**parameters(request, _PARAMETERS), gen_ai.OUTPUT_TYPE: "image"}

    def request_content(self, request: Fields) -> Attributes:
        return {gen_ai.INPUT_MESSAGES: _said("user", text(request.get("prompt")))}


def _name(model: Any) -> str | None:
    """Return a model's name; an address is none."""
    return None if isinstance(model, str) and model.startswith(("http://", "https://")) else text(model)


def _reason(details: Any) -> str | None:
    reason = text(field(details, "finish_reason"))
    return _REASONS.get(reason, reason) if reason else None


def _said(role: str, said: str | None) -> list[dict[str, Any]] | None:
    return [{"role": role, "parts": [text_part(said)]}] if said else None
