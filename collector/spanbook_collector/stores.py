"""How the collector reaches ClickHouse: however long that takes, telling each reason once."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from spanbook_schemas.addresses import without_secret
from spanbook_storage.errors import StoreError

T = TypeVar("T")

log = logging.getLogger("spanbook.collector")

PAUSE = 0.5  # seconds between tries


async def reach(connect: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T | None:
    """Connect, again and again until that raises no StoreError; None when stopped before."""
    told = ""
    while not stop.is_set():
        try:
            return await connect()
        except StoreError as error:
            if (text := str(error)) != told:
                log.warning("%s", without_secret(text))
                told = text
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PAUSE)
    return None
