"""OpenAI-shaped embeddings. The vectors are counted, never copied."""

from __future__ import annotations

from typing import Any

from spanbook_schemas import gen_ai

from ._fields import field, integer, items, text, texts
from ._readers import Attributes, Fields, Reader

_FLOAT32_BYTES = 4


class Embeddings(Reader):
    """Reads `/embeddings`."""

    operation = gen_ai.EMBEDDINGS

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.REQUEST_MODEL: text(request.get("model")),
            gen_ai.REQUEST_ENCODING_FORMATS: texts(request.get("encoding_format")),
            gen_ai.EMBEDDINGS_DIMENSION_COUNT: integer(request.get("dimensions")),
        }

    def response(self, response: Any) -> Attributes:
        used = field(response, "usage")
        counted = integer(field(used, "prompt_tokens"))
        found: Attributes = {
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.USAGE_INPUT_TOKENS: integer(field(used, "total_tokens")) if counted is None else counted,
        }
        if (count := _dimensions(items(field(response, "data")))) is not None:
            found[gen_ai.EMBEDDINGS_DIMENSION_COUNT] = count
        return found


def _dimensions(data: list[Any] | tuple[Any, ...]) -> int | None:
    vector = field(data[0], "embedding") if data else None
    if isinstance(vector, str):  # base64 of 32-bit floats
        return (len(vector.rstrip("=")) * 3 // 4) // _FLOAT32_BYTES or None
    try:
        return len(vector) or None  # type: ignore[arg-type]
    except TypeError:
        return None
