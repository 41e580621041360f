"""A proxy for streams that are neither generators nor open to a closer look."""

from __future__ import annotations

from typing import Any

import wrapt

from ._call import Call
from ._streams import WatchedAsync, watched


class Stream(wrapt.ObjectProxy):  # type: ignore[type-arg] # a generic one since wrapt 2.1
    """An SDK's own stream object, which also keeps its chunks for its call."""

    def __init__(self, stream: Any, call: Call) -> None:
        super().__init__(stream)
        self._self_call = call
        self._self_chunks: Any = None

    def __iter__(self) -> Any:
        return self

    def __aiter__(self) -> Any:
        return self

    # Which way a stream is read shows when it is read: some can be read both ways.
    def __next__(self) -> Any:
        if self._self_chunks is None:
            self._self_chunks = watched(self.__wrapped__, self._self_call)
        return next(self._self_chunks)

    async def __anext__(self) -> Any:
        if self._self_chunks is None:
            self._self_chunks = WatchedAsync(self.__wrapped__, self._self_call)
        return await self._self_chunks.__anext__()

    def __enter__(self) -> Any:
        self.__wrapped__.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        try:
            return self.__wrapped__.__exit__(*error)
        finally:
            self._self_call.finish(abandoned=True)

    async def __aenter__(self) -> Any:
        await self.__wrapped__.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        try:
            return await self.__wrapped__.__aexit__(*error)
        finally:
            self._self_call.finish(abandoned=True)

    # Properties: a stream that cannot be closed has neither.
    @property
    def close(self) -> Any:
        close = self.__wrapped__.close

        def closing() -> Any:
            try:
                return close()
            finally:
                self._self_call.finish(abandoned=True)

        return closing

    @property
    def aclose(self) -> Any:
        aclose = self.__wrapped__.aclose

        async def closing() -> Any:
            try:
                return await aclose()
            finally:
                self._self_call.finish(abandoned=True)

        return closing
