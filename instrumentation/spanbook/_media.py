"""Images and audio by OpenAI's endpoints. The conventions call both `generate_content`, told apart by the output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, parameters
from ._content import Part, blob, media, text_part
from ._fields import field, integer, items, number, text, true
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "model": (gen_ai.REQUEST_MODEL, text),
    "stream": (gen_ai.REQUEST_STREAM, true),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "n": (gen_ai.REQUEST_CHOICE_COUNT, lambda value: integer(value) if value != 1 else None),
}


class Images(Reader):
    """Reads `/images/generations`, `/images/edits` and `/images/variations`."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        return {**parameters(request, _PARAMETERS), gen_ai.OUTPUT_TYPE: "image"}

    def request_content(self, request: Fields) -> Attributes:
        return {gen_ai.INPUT_MESSAGES: _said("user", text(request.get("prompt")))}

    def response(self, response: Any) -> Attributes:
        return _usage(field(response, "usage"))

    def response_content(self, response: Any) -> Attributes:
        mime_type = f"image/{text(field(response, 'output_format')) or 'png'}"
        parts = [part for image in items(field(response, "data")) if (part := _image(image, mime_type))]
        return {gen_ai.OUTPUT_MESSAGES: [{"role": "assistant", "parts": parts}] if parts else None}

    def join(self, chunks: list[Any]) -> Any:
        whole = [chunk for chunk in chunks if str(field(chunk, "type")).endswith(".completed")]
        if not whole:
            return None
        return {"data": whole, **{name: field(whole[-1], name) for name in ("usage", "output_format")}}


class Speech(Reader):
    """Reads `/audio/speech`; the sound itself stays where it is."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        return {**parameters(request, _PARAMETERS), gen_ai.OUTPUT_TYPE: "speech"}

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: _said("user", text(request.get("input"))),
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(told)] if (told := text(request.get("instructions"))) else None,
        }


class Transcripts(Reader):
    """Reads `/audio/transcriptions` and `/audio/translations`."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        # A transcript in JSON is text all the same.
        return {**parameters(request, _PARAMETERS), gen_ai.OUTPUT_TYPE: "text"}

    def request_content(self, request: Fields) -> Attributes:
        return {gen_ai.INPUT_MESSAGES: _said("user", text(request.get("prompt")))}

    def response(self, response: Any) -> Attributes:
        return _usage(field(response, "usage"))

    def response_content(self, response: Any) -> Attributes:
        said = response if isinstance(response, str) else text(field(response, "text"))
        return {gen_ai.OUTPUT_MESSAGES: _said("assistant", said)}

    def join(self, chunks: list[Any]) -> Any:
        for event in reversed(chunks):
            if field(event, "type") == "transcript.text.done":
                return event
        return {"text": "".join(text(field(event, "delta")) or "" for event in chunks)}


def _said(role: str, said: str | None) -> list[dict[str, Any]] | None:
    return [{"role": role, "parts": [text_part(said)]}] if said else None


def _image(image: Any, mime_type: str) -> Part | None:
    if data := text(field(image, "b64_json")):
        return blob("image", mime_type, data)
    return media("image", url) if (url := text(field(image, "url"))) else None


def _usage(used: Any) -> Attributes:
    """Read token counts by modality; minutes of audio, which some models charge by, have no name yet."""
    read = field(used, "input_tokens_details") or field(used, "input_token_details")
    written = field(used, "output_tokens_details")
    return {
        gen_ai.USAGE_INPUT_TOKENS: integer(field(used, "input_tokens")),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(used, "output_tokens")),
        gen_ai.USAGE_TEXT_INPUT_TOKENS: integer(field(read, "text_tokens")),
        gen_ai.USAGE_IMAGE_INPUT_TOKENS: integer(field(read, "image_tokens")),
        gen_ai.USAGE_AUDIO_INPUT_TOKENS: integer(field(read, "audio_tokens")),
        gen_ai.USAGE_TEXT_OUTPUT_TOKENS: integer(field(written, "text_tokens")),
        gen_ai.USAGE_IMAGE_OUTPUT_TOKENS: integer(field(written, "image_tokens")),
    }
