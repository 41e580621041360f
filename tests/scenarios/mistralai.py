"""mistralai: chat, fill-in-the-middle, agents and embeddings."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import Fields, Row, Way


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    package: Any = importlib.import_module("mistralai.client")
    if not hasattr(package, "Mistral"):  # before 2.0
        package = importlib.import_module("mistralai")
    utils: Any = importlib.import_module(f"{package.__name__}.utils")
    backoff = utils.BackoffStrategy(initial_interval=1, max_interval=2, exponent=1.0, max_elapsed_time=10_000)
    again = utils.RetryConfig("backoff", backoff, retry_connection_errors=False) if retries else None
    return package.Mistral(server_url=f"{url}/mistral", api_key="k", timeout_ms=int(timeout * 1000), retry_config=again)


class Connection:
    """One client holds a synchronous and an asynchronous connection."""

    def __init__(self, client: Any) -> None:
        self._configuration = client.sdk_configuration

    async def aclose(self) -> None:
        self._configuration.client.close()
        await self._configuration.async_client.aclose()


FIELDS: Fields = {
    "model": "fake-model",
    "messages": shape.MESSAGES,
    "tools": [shape.TOOL],
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 64,
    "stop": ["END"],
    "random_seed": 7,
    "frequency_penalty": 0.25,
    "presence_penalty": -0.25,
}


def chat(client: Any, fields: Fields) -> Any:
    return client.chat.complete(**fields)


async def achat(client: Any, fields: Fields) -> Any:
    return await client.chat.complete_async(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return client.chat.stream(**fields)


def astream(client: Any, fields: Fields) -> Any:
    return client.chat.stream_async(**fields)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await astream(client, fields)]


def managed(client: Any, fields: Fields) -> list[Any]:
    with stream(client, fields) as events:
        return list(events)


def fim(client: Any, fields: Fields) -> Any:
    return client.fim.complete(**fields)


async def afim(client: Any, fields: Fields) -> Any:
    return await client.fim.complete_async(**fields)


def fim_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.fim.stream(**fields))


async def fim_adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client.fim.stream_async(**fields)]


def agent(client: Any, fields: Fields) -> Any:
    return client.agents.complete(**fields)


def embed(client: Any, fields: Fields) -> Any:
    return client.embeddings.create(**fields)


async def aembed(client: Any, fields: Fields) -> Any:
    return await client.embeddings.create_async(**fields)


CHAT = Row(
    name="mistralai.chat",
    sdk="mistralai",
    provider="mistral_ai",
    operation="chat",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields=FIELDS,
    asked=shape.ASKED,
    answered=shape.answered,
    ways=(
        Way("call", chat),
        Way("acall", achat, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
        Way("managed_stream", managed, streams=True),
    ),
    stream=stream,
    astream=astream,
)


class Weather(BaseModel):
    city: str


def parse(client: Any, fields: Fields) -> Any:
    return client.chat.parse(response_format=Weather, **fields)


async def aparse(client: Any, fields: Fields) -> Any:
    return await client.chat.parse_async(response_format=Weather, **fields)


def parse_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.chat.parse_stream(response_format=Weather, **fields))


SAID = Reply('{"city": "Paris"}')
PARSED = replace(
    CHAT,
    name="mistralai.chat_parsed",
    fields={"model": "fake-model", "messages": shape.MESSAGES},
    asked={"gen_ai.output.type": "json", "gen_ai.input.messages": shape.ASKED["gen_ai.input.messages"]},
    ways=(
        Way("call", parse, reply=SAID, only_text=True),
        Way("acall", aparse, reply=SAID, is_async=True, only_text=True),
        Way("stream", parse_drained, streams=True, reply=SAID, only_text=True),
    ),
    stream=None,
    astream=None,
    tools=False,
)
FIM = Row(
    name="mistralai.fim",
    sdk="mistralai",
    provider="mistral_ai",
    operation="text_completion",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields={"model": "fake-model", "prompt": "def f(", "suffix": "return 1"},
    asked={
        "gen_ai.input.messages": [
            {
                "role": "user",
                "parts": [{"type": "text", "content": "def f("}, {"type": "text", "content": "return 1"}],
            }
        ]
    },
    answered=shape.answered,
    ways=(
        Way("call", fim),
        Way("acall", afim, is_async=True),
        Way("stream", fim_drained, streams=True),
        Way("astream", fim_adrained, streams=True, is_async=True),
    ),
    tools=False,
)
EMBED = Row(
    name="mistralai.embeddings",
    sdk="mistralai",
    provider="mistral_ai",
    operation="embeddings",
    open=open_client,
    open_async=open_client,
    connection=Connection,
    fields={"model": "fake-model", "inputs": ["a", "b"]},
    asked={},
    answered=shape.embedded,
    ways=(Way("call", embed), Way("acall", aembed, is_async=True)),
    tools=False,
)
ROWS = (CHAT, PARSED, FIM, EMBED)
