"""Cohere: chat, embeddings and reranking of both its APIs, text completions of the first.

A client keeps copies of its methods from the moment it is made, so the raw client below them is hooked; that serves
`with_raw_response` as well. Its streams are context managers.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from . import _cohere_v1
from ._call import Call
from ._cohere_v2 import Chat, Embed
from ._guard import harmless
from ._hosts import server_at
from ._readers import Attributes, Reader
from ._reranking import Rerank
from ._sdk import Hook, Patch, Sdk, beginner, counting_retries, wrapped_by
from ._streams import watched, watched_async


def _server(client: Any) -> Attributes:
    return server_at(client._client_wrapper.get_base_url())


def _streams(sdk: Sdk, original: Any, reader: Reader) -> Any:
    """Return the wrapper of a stream's method, whose call begins when its context manager is entered."""
    begin = beginner(sdk, Hook("", "", reader, _server, streams=True), original)

    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        manager = wrapped(*args, **kwargs)
        if not sdk.enabled:
            return manager
        entered = _aentered if hasattr(manager, "__aenter__") else _entered
        return entered(manager, lambda: begin(instance, args, kwargs))

    return wrapped_by(original, around)


@contextmanager
def _entered(manager: Any, begin: Callable[[], Call | None]) -> Iterator[Any]:
    call = begin()
    if call is None:
        with manager as response:
            yield response
        return
    call.attach()
    try:
        response = manager.__enter__()
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
    harmless(_watch, response, watched, call)
    try:
        yield response
    except BaseException:
        call.finish(abandoned=True)  # the application's own error: one of the stream has ended the call
        if not manager.__exit__(*sys.exc_info()):
            raise
    else:
        manager.__exit__(None, None, None)
        call.finish(abandoned=True)


@asynccontextmanager
async def _aentered(manager: Any, begin: Callable[[], Call | None]) -> AsyncIterator[Any]:
    call = begin()
    if call is None:
        async with manager as response:
            yield response
        return
    call.attach()
    try:
        response = await manager.__aenter__()
    except BaseException as error:
        call.fail(error)
        raise
    finally:
        call.detach()
    harmless(_watch, response, watched_async, call)
    try:
        yield response
    except BaseException:
        call.finish(abandoned=True)
        if not await manager.__aexit__(*sys.exc_info()):
            raise
    else:
        await manager.__aexit__(None, None, None)
        call.finish(abandoned=True)


def _watch(response: Any, watch: Callable[[Any, Call], Any], call: Call) -> None:
    response._data = watch(response._data, call)


_V1, _V2 = "cohere.raw_base_client", "cohere.v2.raw_client"
_METHODS: tuple[tuple[str, str, Reader], ...] = (
    (_V2, "RawV2Client.chat", Chat()),
    (_V2, "RawV2Client.embed", Embed()),
    (_V2, "RawV2Client.rerank", Rerank()),
    (_V1, "RawBaseCohere.chat", _cohere_v1.Chat()),
    (_V1, "RawBaseCohere.generate", _cohere_v1.Generate()),
    (_V1, "RawBaseCohere.embed", Embed()),
    (_V1, "RawBaseCohere.rerank", Rerank()),
)
_STREAMS: tuple[tuple[str, str, Reader], ...] = (
    (_V2, "RawV2Client.chat_stream", Chat()),
    (_V1, "RawBaseCohere.chat_stream", _cohere_v1.Chat()),
    (_V1, "RawBaseCohere.generate_stream", _cohere_v1.Generate()),
)
_KINDS = ("", "Async")

_sdk = Sdk(
    provider="cohere",
    requires="cohere>=5.15",
    hooks=(
        *(Hook(module, f"{kind}{method}", reader, _server) for module, method, reader in _METHODS for kind in _KINDS),
        *(
            Patch(module, f"{kind}{method}", partial(_streams, reader=reader))
            for module, method, reader in _STREAMS
            for kind in _KINDS
        ),
        Patch("cohere.core.http_client", "_retry_timeout", counting_retries),
        Patch("cohere.core.http_client", "_retry_timeout_from_retries", counting_retries, optional=True),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
