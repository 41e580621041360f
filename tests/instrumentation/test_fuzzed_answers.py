"""Whatever a provider answers, the application sees what the bare SDK shows it, and no reader of ours fails on it."""

import copy
import os
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import spanbook
from clients.spans import Spans
from fakes.provider import Provider
from fakes.replies import Reply, ToolCall
from spanbook import _provider, _settings

HELLO: Any = [{"role": "user", "content": "Hi"}]
WHOLE = Reply(text="Let me look.", thinking="Hm.", tool_calls=(ToolCall(),))

Clients = tuple[openai.OpenAI, anthropic.Anthropic]
WAYS: dict[str, Callable[[Clients], Any]] = {
    "chat": lambda clients: clients[0].chat.completions.create(model="m", messages=HELLO),
    "chat stream": lambda clients: list(clients[0].chat.completions.create(model="m", messages=HELLO, stream=True)),
    "chat raw": lambda clients: clients[0].chat.completions.with_raw_response.create(model="m", messages=HELLO).text,
    "responses": lambda clients: clients[0].responses.create(model="m", input="Hi"),
    "responses stream": lambda clients: list(clients[0].responses.create(model="m", input="Hi", stream=True)),
    "embeddings": lambda clients: clients[0].embeddings.create(model="m", input="Hi"),
    "completions": lambda clients: clients[0].completions.create(model="m", prompt="Hi"),
    "images": lambda clients: clients[0].images.generate(model="m", prompt="Hi"),
    "messages": lambda clients: clients[1].messages.create(model="m", max_tokens=9, messages=HELLO),
    "messages stream": lambda clients: list(
        clients[1].messages.create(model="m", max_tokens=9, messages=HELLO, stream=True)
    ),
}
EXAMPLES = 400 if os.environ.get("SPANBOOK_SOAK") else 25
ODD = st.sampled_from([None, 7, -1, 1.5, True, "x", "", [], {}, [None], {"a": None}, "drop"])
CHANGES = st.lists(st.tuples(st.lists(st.integers(0, 40), min_size=1, max_size=6), ODD), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def clients(server: Provider) -> Iterator[Clients]:
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0) as one,
        anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=0) as other,
    ):
        yield one, other


@pytest.mark.parametrize("name", WAYS)
def test_an_odd_answer_is_what_the_bare_sdk_makes_of_it(name: str, clients: Clients, server: Provider) -> None:
    way = WAYS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @example(changes=[([30, 0, 1], [])], streamed=0)  # an item of a response whose type is a list
    @given(changes=CHANGES, streamed=st.integers(0, 12) if name.endswith("stream") else st.just(0))
    def check(changes: list[tuple[list[int], Any]], streamed: int) -> None:
        server.always(Reply(WHOLE.text, WHOLE.tool_calls, WHOLE.thinking, edit=Edit(changes, streamed)))
        bare = outcome(way, clients, server)
        spans = Spans()
        _provider.use(spans.provider)
        _settings.configure(content=True, raise_errors=True)
        spanbook.openai.autolog()
        spanbook.anthropic.autolog()
        server.always(Reply(WHOLE.text, WHOLE.tool_calls, WHOLE.thinking, edit=Edit(changes, streamed)))
        try:
            assert outcome(way, clients, server) == bare
        finally:
            spanbook.openai.unlog()
            spanbook.anthropic.unlog()
            _provider.use(None)
            _settings.reset()
        assert len(spans.ended) == 1

    try:
        check()
    finally:
        server.clear()


class Edit:
    """Changes a body, or one event of a stream, somewhere inside."""

    def __init__(self, changes: list[tuple[list[int], Any]], event: int) -> None:
        self._changes = changes
        self._event = event
        self._seen = -1

    def __call__(self, value: Any) -> Any:
        self._seen += 1
        if self._seen == self._event:
            for path, odd in self._changes:
                value = changed(copy.deepcopy(value), path, odd)
        return value


def changed(value: Any, path: list[int], odd: Any) -> Any:
    """Return *value* with what *path* leads to replaced or dropped."""
    owner, key, node = None, None, value
    for step in path:
        if isinstance(node, dict | list) and node:
            owner = node
            key = list(node)[step % len(node)] if isinstance(node, dict) else step % len(node)
            node = node[key]
    if owner is None:
        return value
    if odd == "drop":
        del owner[key]  # type: ignore[arg-type]
    else:
        owner[key] = odd  # type: ignore[index]
    return value


def outcome(way: Callable[[Clients], Any], clients: Clients, server: Provider) -> tuple[str, bytes]:
    """What the application gets, and what the provider got."""
    server.requests.clear()
    try:
        told = repr(way(clients))
    except Exception as error:
        told = f"{type(error)} {error.args}"
    return told, server.requests[0].body
