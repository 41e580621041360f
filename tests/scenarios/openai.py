"""openai: chat completions."""

from __future__ import annotations

from typing import Any

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import Fields, Row, Way


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=retries, timeout=timeout)


def open_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=retries, timeout=timeout)


def parse(client: Any, fields: Fields) -> Any:
    return client.chat.completions.parse(**shape.whole(fields))


def helper(client: Any, fields: Fields) -> Any:
    with client.chat.completions.stream(**fields) as events:
        return [event.type for event in events] and events.get_final_completion()


async def ahelper(client: Any, fields: Fields) -> Any:
    async with client.chat.completions.stream(**fields) as events:
        async for _ in events:
            pass
        return await events.get_final_completion()


# Structured output takes only tools whose arguments are held to their schema.
TOOL = {**shape.TOOL, "function": {**shape.TOOL["function"], "strict": True}}


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    return shape.answered(reply, streamed) | {
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
    }


CHAT = Row(
    name="openai.chat",
    sdk="openai",
    provider="openai",
    operation="chat",
    open=open_client,
    open_async=open_async,
    fields={**shape.FIELDS, "tools": [TOOL], "stream_options": {"include_usage": True}},
    asked=shape.ASKED,
    answered=answered,
    ways=(
        *shape.STAINLESS,
        Way("parse", parse),
        Way("aparse", parse, is_async=True),
        Way("helper", helper, streams=True),
        Way("ahelper", ahelper, streams=True, is_async=True),
    ),
    stream=shape.stream,
    astream=shape.stream,
)
ROWS = (CHAT,)
