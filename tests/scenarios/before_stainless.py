"""together before 2.0 and fireworks-ai before 1.0: clients of their own, in environments a year old."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

from scenarios import openai_media, stainless_copies
from scenarios import openai_shaped as shape
from scenarios.row import Fields, Open, Row, Way


def generated(row: Row) -> bool:
    """Whether the SDK is one of Stainless's; found out without importing it."""
    spec = importlib.util.find_spec(row.sdk)
    return any((Path(place) / "_base_client.py").exists() for place in (spec and spec.submodule_search_locations) or ())


def together(name: str) -> Open:
    def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module("together"), name)
        return client(base_url=f"{url}/together/v1", api_key="k", max_retries=retries, timeout=timeout)

    return open_client


def fireworks(name: str) -> Open:
    def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module("fireworks.client"), name)
        return client(base_url=f"{url}/fireworks/v1", api_key="k", timeout=timeout)

    return open_client


class Connections:
    """Each client of fireworks holds three connections, and closes some of them."""

    def __init__(self, client: Any) -> None:
        self._clients = client._client_v1, client._image_client_v1

    async def aclose(self) -> None:
        for client in self._clients:
            client._client.close()
            await client._async_client.aclose()
            if session := getattr(client, "_aiohttp_session", None):
                await session.close()


def acreate(client: Any, fields: Fields) -> Any:
    return client.chat.completions.acreate(**{"stream": False, **fields})


def astream(client: Any, fields: Fields) -> Any:
    return acreate(client, {**fields, "stream": True})


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [chunk async for chunk in astream(client, fields)]


TOGETHER = openai_media.Sdk("together", together("Together"), together("AsyncTogether"))
FIREWORKS = Row(
    name="fireworks.chat",
    sdk="fireworks",
    provider="fireworks",
    operation="chat",
    open=fireworks("Fireworks"),
    open_async=fireworks("AsyncFireworks"),
    fields=shape.FIELDS,
    asked=shape.ASKED,
    answered=shape.answered,
    ways=(
        Way("call", shape.create),
        Way("acall", acreate, is_async=True),
        Way("stream", shape.drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
    ),
    stream=shape.stream,
    astream=astream,
    connection=Connections,
    retries=False,
)
ROWS = (
    replace(
        stainless_copies.row("together", "Together"),
        open=TOGETHER.open,
        open_async=TOGETHER.open_async,
        ways=shape.PLAIN,
        retries=False,  # the asynchronous client does not
    ),
    TOGETHER.embeddings(),
    TOGETHER.images(),
    replace(stainless_copies.TOGETHER_RERANK, open=TOGETHER.open, open_async=TOGETHER.open_async),
    FIREWORKS,
)
