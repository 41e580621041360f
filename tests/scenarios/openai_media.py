"""Speech, transcripts, images and embeddings by OpenAI's endpoints, for the SDKs that have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fakes.replies import Reply
from fakes.wires.openai import PIXEL
from scenarios import openai_shaped as shape
from scenarios.row import QUESTION, USER_MESSAGE, Fields, Open, Row, Way


@dataclass(frozen=True)
class Sdk:
    """What the rows of one SDK have in common."""

    name: str
    open: Open
    open_async: Open

    def row(self, operation: str, name: str, **more: Any) -> Row:
        return Row(
            name=f"{self.name}.{name}",
            sdk=self.name,
            provider=self.name,
            operation=operation,
            open=self.open,
            open_async=self.open_async,
            tools=False,
            **more,
        )

    def speech(self, **fields: Any) -> Row:
        return self.row(
            "generate_content",
            "speech",
            fields={"model": "fake-model", "input": QUESTION, "voice": "alloy", **fields},
            asked={"gen_ai.output.type": "speech", "gen_ai.input.messages": [USER_MESSAGE]},
            answered=lambda reply, streamed: {},
            ways=(
                Way("call", spoken),
                Way("acall", aspoken, is_async=True),
                Way("streaming_response", spoken_in_pieces),
            ),
        )

    def transcripts(self, *more: Way) -> Row:
        return self.row(
            "generate_content",
            "transcripts",
            fields={"model": "fake-model", "file": ("a.wav", b"RIFF"), "prompt": QUESTION, "temperature": 0.5},
            asked={
                "gen_ai.output.type": "text",
                "gen_ai.request.temperature": 0.5,
                "gen_ai.input.messages": [USER_MESSAGE],
            },
            answered=transcribed,
            ways=(Way("call", transcribe), Way("acall", transcribe, is_async=True), *more),
        )

    def images(self, *more: Way, **fields: Any) -> Row:
        return self.row(
            "generate_content",
            "images",
            fields={"model": "fake-model", "prompt": QUESTION, "n": IMAGES, **fields},
            asked={
                "gen_ai.output.type": "image",
                "gen_ai.request.choice.count": IMAGES,
                "gen_ai.input.messages": [USER_MESSAGE],
            },
            answered=painted,
            ways=(Way("call", paint), Way("acall", paint, is_async=True), *more),
        )

    def embeddings(self, **fields: Any) -> Row:
        formats = {"gen_ai.request.encoding_formats": ("float",)} if "encoding_format" in fields else {}
        return self.row(
            "embeddings",
            "embeddings",
            fields={"model": "fake-model", "input": ["a", "b"], **fields},
            asked=formats,
            answered=shape.embedded,
            ways=(Way("call", embed), Way("acall", embed, is_async=True)),
        )


IMAGES = 2
"""How many the rows ask for."""


def spoken(client: Any, fields: Fields) -> bytes:
    sound: bytes = client.audio.speech.create(**fields).read()
    return sound


async def aspoken(client: Any, fields: Fields) -> bytes:
    response = await client.audio.speech.create(**fields)
    sound = response.read()
    return await sound if hasattr(sound, "__await__") else sound  # type: ignore[no-any-return]


def spoken_in_pieces(client: Any, fields: Fields) -> list[bytes]:
    with client.audio.speech.with_streaming_response.create(**fields) as response:
        return list(response.iter_bytes())


def transcribe(client: Any, fields: Fields) -> Any:
    return client.audio.transcriptions.create(**fields)


def transcribed(reply: Reply, streamed: bool) -> dict[str, Any]:
    said = {"role": "assistant", "parts": [{"type": "text", "content": reply.text}]}
    return {**counted(reply), "gen_ai.output.messages": [said]}


def paint(client: Any, fields: Fields) -> Any:
    return client.images.generate(**fields)


def painted(reply: Reply, streamed: bool) -> dict[str, Any]:
    pixel = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PIXEL}
    by_modality = {
        "gen_ai.usage.text.input_tokens": reply.usage.input if reply.usage else 0,
        "gen_ai.usage.image.input_tokens": 0,
        "gen_ai.usage.text.output_tokens": 0,
        "gen_ai.usage.image.output_tokens": reply.usage.output if reply.usage else 0,
    }
    return {
        **counted(reply),
        **by_modality,
        "gen_ai.output.messages": [{"role": "assistant", "parts": [pixel] * IMAGES}],
    }


def counted(reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    return {"gen_ai.usage.input_tokens": reply.usage.input, "gen_ai.usage.output_tokens": reply.usage.output}


def embed(client: Any, fields: Fields) -> Any:
    return client.embeddings.create(**fields)
