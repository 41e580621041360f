"""huggingface_hub: chat, text generation, embeddings and images of the inference client."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai_shaped as shape
from scenarios.row import QUESTION, USER_MESSAGE, Fields, Row, Way, output_messages


def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from huggingface_hub import InferenceClient

    return InferenceClient(base_url=f"{url}/huggingface/v1", api_key="k", timeout=timeout)


def open_async(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from huggingface_hub import AsyncInferenceClient

    return AsyncInferenceClient(base_url=f"{url}/huggingface/v1", api_key="k", timeout=timeout)


def open_model(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    """A client of the server of one model."""
    from huggingface_hub import InferenceClient

    return InferenceClient(base_url=f"{url}/huggingface/models/fake-model", api_key="k", timeout=timeout)


def open_async_model(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
    from huggingface_hub import AsyncInferenceClient

    return AsyncInferenceClient(base_url=f"{url}/huggingface/models/fake-model", api_key="k", timeout=timeout)


class Connection:
    """The package keeps one connection for all its clients; asynchronous clients each have their own."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def aclose(self) -> None:
        from huggingface_hub.utils._http import close_session

        close_session()
        if inspect.isawaitable(closing := getattr(self._client, "close", int)()):
            await closing


def chat(client: Any, fields: Fields) -> Any:
    return client.chat_completion(**fields)


def alias(client: Any, fields: Fields) -> Any:
    return client.chat.completions.create(**fields)


def stream(client: Any, fields: Fields) -> Any:
    return client.chat_completion(**fields, stream=True)


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(stream(client, fields))


async def adrained(client: Any, fields: Fields) -> list[Any]:
    return [chunk async for chunk in await stream(client, fields)]


def generated(reply: Reply, streamed: bool) -> dict[str, Any]:
    return {
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.output_tokens": reply.usage.output if reply.usage else 0,
        "gen_ai.output.messages": output_messages(reply, "stop"),
    }


def generate(client: Any, fields: Fields) -> Any:
    return client.text_generation(**fields)


def generate_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.text_generation(**fields, stream=True))


async def generate_adrained(client: Any, fields: Fields) -> list[Any]:
    return [piece async for piece in await client.text_generation(**fields, stream=True)]


def embed(client: Any, fields: Fields) -> Any:
    return client.feature_extraction(**fields).tolist()


async def aembed(client: Any, fields: Fields) -> Any:
    return (await client.feature_extraction(**fields)).tolist()


CHAT = Row(
    name="huggingface_hub.chat",
    sdk="huggingface_hub",
    provider="huggingface",
    operation="chat",
    open=open_client,
    open_async=open_async,
    connection=Connection,
    fields=shape.FIELDS,
    asked=shape.ASKED,
    answered=shape.answered,
    ways=(
        Way("call", chat),
        Way("acall", chat, is_async=True),
        Way("stream", drained, streams=True),
        Way("astream", adrained, streams=True, is_async=True),
        Way("alias", alias),
    ),
    stream=stream,
    astream=stream,
    retries=False,
)
GENERATE = Row(
    name="huggingface_hub.text_generation",
    sdk="huggingface_hub",
    provider="huggingface",
    operation="text_completion",
    open=open_model,
    open_async=open_async_model,
    connection=Connection,
    fields={"prompt": QUESTION, "max_new_tokens": 64, "details": True},
    asked={"gen_ai.request.max_tokens": 64, "gen_ai.input.messages": [USER_MESSAGE]},
    answered=generated,
    ways=(
        Way("call", generate),
        Way("acall", generate, is_async=True),
        Way("stream", generate_drained, streams=True),
        Way("astream", generate_adrained, streams=True, is_async=True),
    ),
    retries=False,
    tools=False,
    model="",
)
EMBED = Row(
    name="huggingface_hub.feature_extraction",
    sdk="huggingface_hub",
    provider="huggingface",
    operation="embeddings",
    open=open_model,
    open_async=open_async_model,
    connection=Connection,
    fields={"text": "a"},
    asked={},
    answered=lambda reply, streamed: {"gen_ai.embeddings.dimension.count": len(reply.vector)},
    ways=(Way("call", embed), Way("acall", aembed, is_async=True)),
    retries=False,
    tools=False,
    model="",
)


def paint(client: Any, fields: Fields) -> Any:
    return client.text_to_image(**fields).size


async def apaint(client: Any, fields: Fields) -> Any:
    return (await client.text_to_image(**fields)).size


IMAGES = Row(
    name="huggingface_hub.text_to_image",
    sdk="huggingface_hub",
    provider="huggingface",
    operation="generate_content",
    open=open_model,
    open_async=open_async_model,
    connection=Connection,
    fields={"prompt": QUESTION, "num_inference_steps": 2, "seed": 7},
    asked={
        "gen_ai.output.type": "image",
        "gen_ai.request.seed": 7,
        "gen_ai.input.messages": [USER_MESSAGE],
    },
    answered=lambda reply, streamed: {},
    ways=(Way("call", paint), Way("acall", apaint, is_async=True)),
    retries=False,
    tools=False,
    model="",
)
MORE = replace(
    CHAT,
    name="huggingface_hub.chat_more",
    fields={
        **{name: value for name, value in shape.MORE.items() if name != "reasoning_effort"},
        "extra_body": {"reasoning_effort": "low"},
    },
    asked=shape.ASKED_MORE,
    answered=shape.answered_twice,
    ways=(Way("call", chat),),
    stream=None,
    astream=None,
)
EMBED_MORE = replace(
    EMBED,
    name="huggingface_hub.feature_extraction_more",
    fields={"text": "a", "dimensions": 3, "encoding_format": "float"},
    asked={"gen_ai.request.encoding_formats": ("float",)},
)
ROWS = (CHAT, MORE, GENERATE, EMBED, EMBED_MORE, IMAGES)
