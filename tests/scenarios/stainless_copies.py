"""groq, together and fireworks: the SDKs that are OpenAI's with another name."""

from __future__ import annotations

import importlib
from typing import Any

from scenarios import anthropic, openai_media
from scenarios import openai_shaped as shape
from scenarios.row import QUESTION, USER_MESSAGE, Fields, Open, Row, Way


def opener(module: str, name: str, path: str) -> Open:
    def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module(module), name)
        return client(base_url=f"{url}/{path}", api_key="k", max_retries=retries, timeout=timeout)

    return open_client


def row(module: str, name: str) -> Row:
    return Row(
        name=f"{module}.chat",
        sdk=module,
        provider=module,
        operation="chat",
        open=opener(module, name, module),
        open_async=opener(module, f"Async{name}", module),
        fields=shape.FIELDS,
        asked=shape.ASKED,
        answered=shape.answered,
        ways=shape.STAINLESS,
        stream=shape.stream,
        astream=shape.stream,
    )


def more(module: str, name: str, **fields: Any) -> Row:
    """What the first row does not ask for; `top_k` where the SDK has it."""
    asked = {f"gen_ai.request.{field}": value for field, value in fields.items()}
    return Row(
        name=f"{module}.chat_more",
        sdk=module,
        provider=module,
        operation="chat",
        open=opener(module, name, module),
        open_async=opener(module, f"Async{name}", module),
        fields={**shape.MORE, **fields},
        asked={**shape.ASKED_MORE, **asked},
        answered=shape.answered_twice,
        ways=(Way("call", shape.create),),
    )


def completions(module: str, name: str) -> Row:
    return Row(
        name=f"{module}.completions",
        sdk=module,
        provider=module,
        operation="text_completion",
        open=opener(module, name, module),
        open_async=opener(module, f"Async{name}", module),
        fields={"model": "fake-model", "prompt": QUESTION, "max_tokens": 64},
        asked={"gen_ai.request.max_tokens": 64, "gen_ai.input.messages": [USER_MESSAGE]},
        answered=shape.answered,
        ways=(Way("call", complete), Way("stream", completed_in_pieces, streams=True)),
        tools=False,
    )


def complete(client: Any, fields: Fields) -> Any:
    return client.completions.create(**fields)


def completed_in_pieces(client: Any, fields: Fields) -> list[Any]:
    return list(client.completions.create(**fields, stream=True))


def rerank(client: Any, fields: Fields) -> Any:
    return client.rerank.create(**fields)


GROQ = openai_media.Sdk("groq", opener("groq", "Groq", "groq"), opener("groq", "AsyncGroq", "groq"))
TOGETHER = openai_media.Sdk(
    "together", opener("together", "Together", "together"), opener("together", "AsyncTogether", "together")
)
TOGETHER_RERANK = Row(
    name="together.rerank",
    sdk="together",
    provider="together",
    operation="retrieval",
    open=opener("together", "Together", "together"),
    open_async=opener("together", "AsyncTogether", "together"),
    fields={"model": "fake-model", "query": QUESTION, "documents": ["It rains.", "It snows."], "top_n": 2},
    asked={"gen_ai.retrieval.top_k": 2, "gen_ai.retrieval.query.text": QUESTION},
    answered=lambda reply, streamed: {
        "gen_ai.retrieval.documents": [{"index": 0, "score": 0.9}, {"index": 1, "score": 0.8}]
    },
    ways=(Way("call", rerank), Way("acall", rerank, is_async=True)),
    tools=False,
)
FIREWORKS_MESSAGES = Row(
    name="fireworks.messages",
    sdk="fireworks",
    provider="fireworks",
    operation="chat",
    open=opener("fireworks", "Fireworks", "fireworks"),
    open_async=opener("fireworks", "AsyncFireworks", "fireworks"),
    fields=anthropic.FIELDS,
    asked=anthropic.ASKED,
    answered=anthropic.answered,
    ways=(
        Way("call", anthropic.create),
        Way("acall", anthropic.create, is_async=True),
    ),
)
ROWS = (
    row("groq", "Groq"),
    more("groq", "Groq"),
    GROQ.embeddings(encoding_format="float"),
    GROQ.speech(),
    GROQ.transcripts(),
    row("together", "Together"),
    more("together", "Together", top_k=40),
    completions("together", "Together"),
    TOGETHER.embeddings(),
    TOGETHER.images(),
    TOGETHER.speech(),
    TOGETHER.transcripts(),
    TOGETHER_RERANK,
    row("fireworks", "Fireworks"),
    more("fireworks", "Fireworks", top_k=40),
    completions("fireworks", "Fireworks"),
    FIREWORKS_MESSAGES,
)
