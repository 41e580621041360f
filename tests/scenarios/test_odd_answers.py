"""On odd answers that the bare SDK takes or refuses, autolog changes nothing: result, exception, request bytes.

Every SDK gets the odd answers that are known from the wild, and as many made by chance. `SPANBOOK_SOAK=1` tries more.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from fakes.provider import Provider
from fakes.replies import Edit, Raw, Reply, ToolCall
from scenarios.mutations import KNOWN, Mutation
from scenarios.recorder import Recorder
from scenarios.row import Row, Way
from scenarios.running import logged, outcome, sent
from scenarios.table import ROWS, leading

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning"),  # litellm
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # SDKs that leave them when they raise
]
Clients = Callable[[Row, bool], Any]

CHANCES = 1000 if os.environ.get("SPANBOOK_SOAK") else 3
SYNC = ("call", "stream")
"""Ways that are compared: whole and streamed; asynchronous ones read with the same readers."""


def compared(rows: Iterable[Row]) -> pytest.MarkDecorator:
    pairs = [(row, way) for row in rows for way in row.ways if way.name in SYNC]
    return pytest.mark.parametrize(("row", "way"), [pytest.param(*pair, id="-".join(map(str, pair))) for pair in pairs])


BROKEN = (
    Raw(b""),
    Raw(b"{"),
    Raw(b"<html>busy</html>", content_type="text/html"),
    Raw(b'data: {"x"\n\n', content_type="text/event-stream"),
    Raw(b"data: null\n\ndata: []\n\n", content_type="text/event-stream"),
    Raw("data: {}\n\ndata: ü".encode()[:-1], content_type="text/event-stream"),
)


@compared(leading())
async def test_odd_answers_known_from_the_wild_come_through_unchanged(
    row: Row, way: Way, fake: Provider, odd_recorder: Recorder, clients: Clients
) -> None:
    called = Reply(text="", tool_calls=(ToolCall(), ToolCall(id="call_2")))
    for reply in (Reply(), called) if row.tools else (Reply(),):
        told = await values_told(reply, row, way, fake, clients)
        for name, edit in felt(KNOWN, told):
            fake.always(Reply(reply.text, reply.tool_calls, edit=edit))
            await assert_same(name, row, way, fake, clients)


@compared(ROWS)
async def test_odd_answers_made_by_chance_come_through_unchanged(
    row: Row, way: Way, fake: Provider, odd_recorder: Recorder, clients: Clients
) -> None:
    for seed in range(CHANCES):
        calls = (ToolCall(),) if seed % 2 and row.tools else ()
        fake.always(Reply("" if calls else Reply().text, calls, edit=Mutation(seed, count=1 + seed % 3)))
        await assert_same(f"seed {seed}", row, way, fake, clients)


@compared(leading())
async def test_broken_bodies_come_through_unchanged(
    row: Row, way: Way, fake: Provider, odd_recorder: Recorder, clients: Clients
) -> None:
    for raw in BROKEN:
        fake.always(raw)
        await assert_same(repr(raw.body), row, way, fake, clients)


async def values_told(reply: Reply, row: Row, way: Way, fake: Provider, clients: Clients) -> list[Any]:
    """What the fake provider says to one call: the value of its body, or those of its events."""
    told: list[Any] = []

    def keep(value: Any) -> Any:
        told.append(copy.deepcopy(value))
        return value

    fake.always(Reply(reply.text, reply.tool_calls, edit=keep))
    await outcome(way, clients(row, way.is_async), row)
    return told


def felt(edits: Mapping[str, Edit], told: list[Any]) -> Iterator[tuple[str, Edit]]:
    """The edits that change what is *told*, each change once: a wire has no place for most of them."""
    seen = {json.dumps(told)}
    for name, edit in edits.items():
        edited = json.dumps([edit(value) for value in told])
        if edited not in seen:
            seen.add(edited)
            yield name, edit


async def assert_same(what: str, row: Row, way: Way, fake: Provider, clients: Clients) -> None:
    """The same call, bare and traced, has the same outcome and sends the same bytes."""
    client = clients(row, way.is_async)
    fake.requests.clear()
    bare = await outcome(way, client, row)
    bare_requests = [sent(request) for request in fake.requests]
    fake.requests.clear()
    with logged(row):
        traced = await outcome(way, client, row)
    assert traced == bare, what
    assert [sent(request) for request in fake.requests] == bare_requests, what
