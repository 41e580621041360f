"""Cohere: chat and embeddings of its second API.

A client keeps copies of its methods from the moment it is made, so the raw client below them is hooked; that serves
`with_raw_response` as well. Its streams are context managers.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from ._call import Call
from ._cohere_v2 import Chat, Embed
from ._hosts import server_at
from ._readers import Attributes
from ._sdk import Hook, Patch, Sdk, beginner, wrapped_by
from ._streams import watched, watched_async


def _server(client: Any) -> Attributes:
    return server_at(client._client_wrapper.get_base_url())


_CHAT, _STREAMED, _EMBED = Chat(), Chat(streamed=True), Embed()


def _streams(sdk: Sdk, original: Any) -> Any:
    """Return the wrapper of `chat_stream`, whose call begins when its context manager is entered."""
    begin = beginner(sdk, Hook("", "", _STREAMED, _server), original)

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
    response._data = watched(response._data, call)
    try:
        yield response
    except BaseException as error:
        call.fail(error)
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
    response._data = watched_async(response._data, call)
    try:
        yield response
    except BaseException as error:
        call.fail(error)
        if not await manager.__aexit__(*sys.exc_info()):
            raise
    else:
        await manager.__aexit__(None, None, None)
        call.finish(abandoned=True)


_RAW = "cohere.v2.raw_client"

_sdk = Sdk(
    provider="cohere",
    requires="cohere>=5.15",
    hooks=(
        Hook(_RAW, "RawV2Client.chat", _CHAT, _server),
        Hook(_RAW, "AsyncRawV2Client.chat", _CHAT, _server),
        Hook(_RAW, "RawV2Client.embed", _EMBED, _server),
        Hook(_RAW, "AsyncRawV2Client.embed", _EMBED, _server),
        Patch(_RAW, "RawV2Client.chat_stream", _streams),
        Patch(_RAW, "AsyncRawV2Client.chat_stream", _streams),
    ),
)
autolog = _sdk.autolog
unlog = _sdk.unlog
