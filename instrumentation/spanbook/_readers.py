"""What an API's objects mean: the interface of readers.

A reader belongs to an API shape, not to an SDK: many SDKs speak OpenAI's chat completions. It is pure, but for what
`_background` remembers: the request's fields or the response object in, attributes out, no OpenTelemetry, no patching.
It may fail; then the span has fewer attributes. Content comes from functions of its own, which are not called when
content is not captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Attributes = dict[str, Any]
Fields = Mapping[str, Any]


class Reader:
    """Reads one operation; every method may return None for an attribute that is not there."""

    operation = "chat"

    def request(self, request: Fields) -> Attributes:
        """Read parameters: `gen_ai.request.*` and whatever else is known before the call."""
        return {}

    def request_content(self, request: Fields) -> Attributes:
        """Read what was said to the model, as plain values in the structure of the conventions."""
        return {}

    def response(self, response: Any) -> Attributes:
        """Read `gen_ai.response.*` and `gen_ai.usage.*`."""
        return {}

    def response_content(self, response: Any) -> Attributes:
        """Read what the model said."""
        return {}

    def join(self, chunks: list[Any]) -> Any:
        """Return the response that streamed *chunks* add up to, which may be cut short."""
        return chunks[-1] if chunks else None
