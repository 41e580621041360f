"""Dead letters that somebody asked to be sent again, one at a time, beside the ordinary traffic."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from spanbook_collector.dead_letters import DeadLetter, DeadLetters

log = logging.getLogger("spanbook.collector")

LOOK_SECONDS = 1.0

# Delivers a letter's bytes; returns why they were refused, nothing when they were taken. Waits out what passes.
Deliver = Callable[[DeadLetter, bytes], Awaitable[str]]


async def resend(letters: DeadLetters, deliver: Deliver, stop: asyncio.Event) -> None:
    """Deliver the letters in `again`, now and whenever there are new ones, until `stop` is set."""
    while not stop.is_set():
        for letter in letters.again.all():
            if stop.is_set():
                return
            await _resend_one(letters, letter, deliver)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)


async def _resend_one(letters: DeadLetters, letter: DeadLetter, deliver: Deliver) -> None:
    try:
        reason = await deliver(letter, letters.again.body(letter))
        if reason:
            letters.again.move(letter, letters, reason)
        else:
            letters.again.remove(letter)
    except OSError as error:
        log.warning("cannot send a dead letter again: %s", error.strerror)
