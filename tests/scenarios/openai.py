"""openai: chat completions, responses and fetching them, embeddings, completions, images, audio; also on Azure."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import openai_media
from scenarios import openai_shaped as shape
from scenarios.row import (
    QUESTION,
    SYSTEM,
    SYSTEM_INSTRUCTIONS,
    TOOL_DEFINITION,
    USER_MESSAGE,
    Fields,
    Open,
    Row,
    Way,
    output_messages,
)


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
        Way("spoken", shape.create, reply=shape.SPOKEN),
        Way("spoken_stream", shape.drained, streams=True, reply=shape.SPOKEN),
    ),
    stream=shape.stream,
    astream=shape.stream,
)


def responses(client: Any, fields: Fields) -> Any:
    return client.responses.create(**fields)


def responses_stream(client: Any, fields: Fields) -> Any:
    return client.responses.create(**fields, stream=True)


def responses_drained(client: Any, fields: Fields) -> list[Any]:
    return list(responses_stream(client, fields))


async def responses_adrained(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await responses_stream(client, fields)]


def responses_helper(client: Any, fields: Fields) -> Any:
    with client.responses.stream(**fields) as events:
        return events.get_final_response()


async def responses_ahelper(client: Any, fields: Fields) -> Any:
    async with client.responses.stream(**fields) as events:
        return await events.get_final_response()


def responses_parse(client: Any, fields: Fields) -> Any:
    return client.responses.parse(**fields)


def responses_raw(client: Any, fields: Fields) -> Any:
    return client.responses.with_raw_response.create(**fields).parse()


async def responses_araw(client: Any, fields: Fields) -> Any:
    return await shape.parsed(await client.responses.with_raw_response.create(**fields))


def responses_raw_stream(client: Any, fields: Fields) -> list[Any]:
    return list(client.responses.with_raw_response.create(**fields, stream=True).parse())


def responses_streaming_response(client: Any, fields: Fields) -> Any:
    with client.responses.with_streaming_response.create(**fields) as response:
        return response.parse()


def responded(reply: Reply, streamed: bool) -> dict[str, Any]:
    told = answered(reply, streamed) | {"openai.api.type": "responses"}
    del told["openai.response.system_fingerprint"]
    told["gen_ai.usage.cache_write.input_tokens"] = reply.usage.cache_written if reply.usage else 0
    if reply.compacted:
        told["gen_ai.conversation.compacted"] = True
        told["gen_ai.output.messages"][0]["parts"].insert(0, {"type": "compaction", "id": "cmp_1"})
    return told


COMPACTED = Reply(compacted=True)
RESPONSES = Row(
    name="openai.responses",
    sdk="openai",
    provider="openai",
    operation="chat",
    open=open_client,
    open_async=open_async,
    fields={
        "model": "fake-model",
        "instructions": SYSTEM,
        "input": QUESTION,
        "tools": [{"type": "function", "strict": True, **TOOL["function"]}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 64,
        "previous_response_id": "resp_0",
        "reasoning": {"effort": "low"},
    },
    asked={
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.input.messages": [USER_MESSAGE],
        "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
        "gen_ai.tool.definitions": [TOOL_DEFINITION],
    },
    answered=responded,
    ways=(
        Way("call", responses),
        Way("acall", responses, is_async=True),
        Way("stream", responses_drained, streams=True),
        Way("astream", responses_adrained, streams=True, is_async=True),
        Way("helper", responses_helper, streams=True),
        Way("ahelper", responses_ahelper, streams=True, is_async=True),
        Way("parse", responses_parse),
        Way("aparse", responses_parse, is_async=True),
        Way("raw", responses_raw),
        Way("araw", responses_araw, is_async=True),
        Way("raw_stream", responses_raw_stream, streams=True),
        Way("streaming_response", responses_streaming_response),
        Way("compacted", responses, reply=COMPACTED),
        Way("compacted_stream", responses_drained, streams=True, reply=COMPACTED),
    ),
    stream=responses_stream,
    astream=responses_stream,
)
CHAT_MORE = replace(
    CHAT,
    name="openai.chat_more",
    fields={**shape.MORE, "service_tier": "flex"},
    asked={**shape.ASKED_MORE, "openai.request.service_tier": "flex"},
    answered=lambda reply, streamed: {**answered(reply, streamed), **shape.answered_twice(reply, streamed)},
    ways=(Way("call", shape.create),),
    stream=None,
    astream=None,
)
CONVERSATION = replace(
    RESPONSES,
    name="openai.conversation",
    fields={
        "model": "fake-model",
        "conversation": "conv_1",
        "input": [
            {"type": "compaction", "id": "cmp_0", "encrypted_content": "c2Vu"},
            {"role": "user", "content": QUESTION},
        ],
        "text": {"format": {"type": "json_object"}},
    },
    asked={
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.conversation.compacted": True,
        "gen_ai.output.type": "json",
        "gen_ai.input.messages": [
            {"role": "assistant", "parts": [{"type": "compaction", "id": "cmp_0"}]},
            USER_MESSAGE,
        ],
    },
    ways=(Way("call", responses),),
    stream=None,
    astream=None,
)


def completions(client: Any, fields: Fields) -> Any:
    return client.completions.create(**fields)


def completions_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.completions.create(**fields, stream=True, stream_options={"include_usage": True}))


async def completions_adrained(client: Any, fields: Fields) -> list[Any]:
    asked = {**fields, "stream": True, "stream_options": {"include_usage": True}}
    return [chunk async for chunk in await client.completions.create(**asked)]


def completions_raw(client: Any, fields: Fields) -> Any:
    return client.completions.with_raw_response.create(**fields).parse()


COMPLETIONS = Row(
    name="openai.completions",
    sdk="openai",
    provider="openai",
    operation="text_completion",
    open=open_client,
    open_async=open_async,
    fields={"model": "fake-model", "prompt": QUESTION, "max_tokens": 64},
    asked={"gen_ai.request.max_tokens": 64, "gen_ai.input.messages": [USER_MESSAGE]},
    answered=lambda reply, streamed: {
        name: value for name, value in answered(reply, streamed).items() if name != "openai.api.type"
    },
    ways=(
        Way("call", completions),
        Way("acall", completions, is_async=True),
        Way("stream", completions_drained, streams=True),
        Way("astream", completions_adrained, streams=True, is_async=True),
        Way("raw", completions_raw),
    ),
    tools=False,
)


def transcripts_stream(client: Any, fields: Fields) -> Any:
    return client.audio.transcriptions.create(**fields, stream=True)


def transcripts_drained(client: Any, fields: Fields) -> list[Any]:
    return list(transcripts_stream(client, fields))


def fetch(client: Any, fields: Fields) -> Any:
    return client.responses.retrieve(**fields)


def fetch_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.responses.retrieve(**fields, stream=True))


FETCH = Row(
    name="openai.fetch_response",
    sdk="openai",
    provider="openai",
    operation="fetch_response",
    open=open_client,
    open_async=open_async,
    fields={"response_id": "reply_1"},
    asked={"openai.api.type": "responses"},
    answered=lambda reply, streamed: {
        "gen_ai.response.id": "reply_1",
        "gen_ai.response.model": "stored-model",
        "gen_ai.response.status": "completed",
        "gen_ai.response.finish_reasons": (reply.reason,),
        "openai.response.service_tier": "default",
        "gen_ai.output.messages": output_messages(reply, reply.reason),
    },
    ways=(Way("call", fetch), Way("acall", fetch, is_async=True), Way("stream", fetch_drained, streams=True)),
    model="",
)
RESUME = replace(
    FETCH,
    name="openai.resume_response",
    fields={"response_id": "reply_1", "starting_after": 0},
    asked={"openai.api.type": "responses", "gen_ai.request.stream_cursor": "0"},
    ways=(Way("stream", fetch_drained, streams=True),),
)


def azure(name: str) -> Open:
    def open_azure(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        client = getattr(importlib.import_module("openai"), name)
        return client(azure_endpoint=url, api_key="k", api_version="2024-10-21", max_retries=retries, timeout=timeout)

    return open_azure


def on_azure(row: Row, *ways: Way) -> Row:
    """The same call of a deployment on Azure."""
    return replace(
        row,
        asked={**row.asked, "azure.resource_provider.namespace": "Microsoft.CognitiveServices"},
        name=row.name.replace("openai.", "openai.azure_"),
        provider="azure.ai.openai",
        open=azure("AzureOpenAI"),
        open_async=azure("AsyncAzureOpenAI"),
        ways=ways,
        stream=None,
        astream=None,
    )


MEDIA = openai_media.Sdk("openai", open_client, open_async)


def painted_in_pieces(client: Any, fields: Fields) -> list[Any]:
    return list(client.images.generate(**fields, stream=True))


async def apainted_in_pieces(client: Any, fields: Fields) -> list[Any]:
    return [event async for event in await client.images.generate(**fields, stream=True)]


def painted_once(reply: Reply, streamed: bool) -> dict[str, Any]:
    told = openai_media.painted(reply, streamed)
    (said,) = told["gen_ai.output.messages"]
    pixel = {**said["parts"][0], "mime_type": "image/webp" if streamed else "image/png"}
    return {**told, "gen_ai.output.messages": [{**said, "parts": [pixel]}]}


def edit(client: Any, fields: Fields) -> Any:
    return client.images.edit(**fields)


def vary(client: Any, fields: Fields) -> Any:
    return called_though_it_will_go(client.images.create_variation, fields)


def translate(client: Any, fields: Fields) -> Any:
    return called_though_it_will_go(client.audio.translations.create, fields)


def called_though_it_will_go(method: Any, fields: Fields) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return method(**fields)


PIECES = replace(
    MEDIA.images(),
    name="openai.images_in_pieces",
    fields={"model": "fake-model", "prompt": QUESTION},
    asked={"gen_ai.output.type": "image", "gen_ai.input.messages": [USER_MESSAGE]},
    answered=painted_once,
    ways=(
        Way("stream", painted_in_pieces, streams=True),
        Way("astream", apainted_in_pieces, streams=True, is_async=True),
    ),
)
EDITED = replace(
    PIECES,
    name="openai.images_edited",
    fields={"model": "fake-model", "prompt": QUESTION, "image": ("a.png", b"PNG", "image/png")},
    ways=(Way("call", edit), Way("acall", edit, is_async=True)),
)
VARIED = replace(
    PIECES,
    name="openai.images_varied",
    fields={"model": "fake-model", "image": ("a.png", b"PNG", "image/png")},
    asked={"gen_ai.output.type": "image"},
    ways=(Way("call", vary),),
)
TRANSLATED = replace(
    MEDIA.transcripts(),
    name="openai.translations",
    ways=(Way("call", translate), Way("acall", translate, is_async=True)),
)
ROWS = (
    CHAT,
    CHAT_MORE,
    RESPONSES,
    CONVERSATION,
    FETCH,
    RESUME,
    COMPLETIONS,
    MEDIA.embeddings(encoding_format="float"),
    MEDIA.images(),
    MEDIA.speech(),
    PIECES,
    EDITED,
    VARIED,
    MEDIA.transcripts(Way("stream", transcripts_drained, streams=True)),
    TRANSLATED,
    on_azure(CHAT, *shape.PLAIN, Way("raw", shape.raw), Way("parse", parse)),
    on_azure(CHAT_MORE, Way("call", shape.create, reply=shape.SPOKEN)),
    on_azure(RESPONSES, Way("call", responses, reply=COMPACTED), Way("stream", responses_drained, streams=True)),
    on_azure(
        MEDIA.embeddings(encoding_format="float"),
        Way("call", openai_media.embed),
        Way("acall", openai_media.embed, is_async=True),
    ),
    on_azure(MEDIA.images(), Way("call", openai_media.paint)),
)
