"""fireworks-ai before 1.0: chat completions, completions and embeddings, whatever class of it was asked.

All its ways to make a call end in one client, which posts JSON and yields the lines of a stream; so lines are what is
kept here, and they are parsed once the stream is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._chat_completions import ChatCompletions
from ._completions import Completions
from ._embeddings import Embeddings
from ._hosts import server_at
from ._readers import Attributes, Fields, Reader
from ._sdk import Hook, Patch, Sdk, wrapped_by

_METHODS = (
    "post_request_streaming",
    "post_request_non_streaming",
    "post_request_async_streaming",
    "post_request_async_non_streaming",
)


class _Posted(Reader):
    """Reads what *reader* reads, in a request's `data` and in the lines of a stream."""

    def __init__(self, reader: Reader) -> None:
        self.operation = reader.operation
        self._reader = reader

    def request(self, request: Fields) -> Attributes:
        return self._reader.request(_data(request))

    def request_content(self, request: Fields) -> Attributes:
        return self._reader.request_content(_data(request))

    def response(self, response: Any) -> Attributes:
        return self._reader.response(response)

    def response_content(self, response: Any) -> Attributes:
        return self._reader.response_content(response)

    def join(self, chunks: list[Any]) -> Any:
        return self._reader.join([json.loads(line) for line in chunks if line and line != "[DONE]"])


_READERS: dict[str, Reader] = {
    "/chat/completions": _Posted(ChatCompletions()),
    "/completions": _Posted(Completions()),
    "/embeddings": _Posted(Embeddings()),
}


def hooks() -> tuple[Patch, ...]:
    """Return the patches of the client's methods."""
    return tuple(Patch("fireworks.client.api_client", f"FireworksClient.{name}", _by_path) for name in _METHODS)


def _by_path(sdk: Sdk, original: Any) -> Any:
    wrappers = {end: Hook("", "", reader, _server).wrapper(sdk, original) for end, reader in _READERS.items()}

    def around(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        url = str(args[0] if args else kwargs.get("url"))
        wrapper = next((each for end, each in wrappers.items() if url.endswith(end)), None)
        return wrapped(*args, **kwargs) if wrapper is None else wrapper(wrapped, client, args, kwargs)

    return wrapped_by(original, around)


def _server(client: Any) -> Attributes:
    return server_at(client.base_url)


def _data(request: Fields) -> Fields:
    data = request.get("data")
    return data if isinstance(data, Mapping) else {}
