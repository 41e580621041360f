"""Bedrock through boto3: converse, invoke-model with every maker's body, hosted agents and knowledge bases."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fakes.replies import Reply
from scenarios import anthropic
from scenarios import openai_shaped as shape
from scenarios.row import (
    PARAMETERS,
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


def opener(service: str) -> Open:
    def open_client(url: str, *, retries: int = 0, timeout: float = 20.0) -> Any:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]

        patience = Config(
            retries={"total_max_attempts": retries + 1, "mode": "standard"},
            read_timeout=timeout,
            connect_timeout=timeout,
        )
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="id",
            aws_secret_access_key="secret",
            config=patience,
        )

    return open_client


MODEL = "anthropic.fake-v1:0"
FIELDS: Fields = {
    "modelId": MODEL,
    "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
    "system": [{"text": SYSTEM}],
    "inferenceConfig": {"temperature": 0.5, "topP": 0.9, "maxTokens": 64, "stopSequences": ["END"]},
    "additionalModelRequestFields": {"top_k": 40},
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": "get_weather",
                    "description": "Current weather",
                    "inputSchema": {"json": PARAMETERS},
                }
            }
        ]
    },
}
ASKED = {
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.max_tokens": 64,
    "gen_ai.request.stop_sequences": ("END",),
    "gen_ai.request.top_k": 40,
    "gen_ai.input.messages": [USER_MESSAGE],
    "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
    "gen_ai.tool.definitions": [TOOL_DEFINITION],
}


def counted(reply: Reply) -> dict[str, Any]:
    if reply.usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": reply.usage.input,
        "gen_ai.usage.output_tokens": reply.usage.output,
        "gen_ai.usage.cache_read.input_tokens": reply.usage.cached,
        "gen_ai.usage.cache_write.input_tokens": reply.usage.cache_written,
    }


def answered(reply: Reply, streamed: bool) -> dict[str, Any]:
    return {
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": output_messages(reply, reply.reason),
        **counted(reply),
    }


def converse(client: Any, fields: Fields) -> Any:
    return client.converse(**fields)


def converse_stream(client: Any, fields: Fields) -> Any:
    return client.converse_stream(**fields)["stream"]


def drained(client: Any, fields: Fields) -> list[Any]:
    return list(converse_stream(client, fields))


CONVERSE = Row(
    name="bedrock.converse",
    sdk="bedrock",
    provider="aws.bedrock",
    operation="chat",
    open=opener("bedrock-runtime"),
    open_async=None,
    fields=FIELDS,
    asked=ASKED,
    answered=answered,
    ways=(Way("call", converse), Way("stream", drained, streams=True)),
    stream=converse_stream,
    model=MODEL,
)

CLAUDE_BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "messages": [{"role": "user", "content": QUESTION}],
    "system": SYSTEM,
    "max_tokens": 64,
    "temperature": 0.5,
}
INVOKE_ASKED = {
    "gen_ai.request.max_tokens": 64,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.input.messages": [USER_MESSAGE],
}


def invoke(client: Any, fields: Fields) -> Any:
    return client.invoke_model(**fields)["body"].read()


def invoke_in_pieces(client: Any, fields: Fields) -> Any:
    return list(client.invoke_model(**fields)["body"].iter_chunks(7))


def invoke_drained(client: Any, fields: Fields) -> list[Any]:
    return list(client.invoke_model_with_response_stream(**fields)["body"])


def invoked(reply: Reply, streamed: bool) -> dict[str, Any]:
    told = answered(reply, streamed)
    if reply.compacted:
        told["gen_ai.conversation.compacted"] = True
        told["gen_ai.output.messages"][0]["parts"].insert(0, anthropic.SUMMARY)
    return {
        **told,
        "gen_ai.response.id": reply.id,
        "gen_ai.response.model": reply.model or MODEL,
        "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoning if reply.usage else 0,
    }


def prompted(reply: Reply, streamed: bool) -> dict[str, Any]:
    told = {
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.output.messages": output_messages(reply, "stop"),
    }
    counts = {name: value for name, value in counted(reply).items() if ".cache_" not in name}
    return told | counts


COMPACTED = Way("compacted", invoke, only_text=True, reply=Reply(compacted=True))
CLAUDE = Row(
    name="bedrock.invoke_claude",
    sdk="bedrock",
    provider="aws.bedrock",
    operation="chat",
    open=opener("bedrock-runtime"),
    open_async=None,
    fields={"modelId": MODEL, "body": json.dumps(CLAUDE_BODY)},
    asked={**INVOKE_ASKED, "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS},
    answered=invoked,
    ways=(Way("call", invoke), Way("pieces", invoke_in_pieces), Way("stream", invoke_drained, streams=True), COMPACTED),
    model=MODEL,
)


def body(operation: str, maker: str, model: str, told: Fields, **more: Any) -> Row:
    """A body of its maker's own."""
    return Row(
        name=f"bedrock.invoke_{maker}",
        sdk="bedrock",
        provider="aws.bedrock",
        operation=operation,
        open=opener("bedrock-runtime"),
        open_async=None,
        fields={"modelId": model, "body": json.dumps(told)},
        model=model,
        **{
            "asked": INVOKE_ASKED,
            "answered": prompted,
            "ways": (Way("call", invoke), Way("stream", invoke_drained, streams=True)),
            "tools": False,
            **more,
        },
    )


def commanded(reply: Reply, streamed: bool) -> dict[str, Any]:
    return {
        **prompted(reply, streamed),
        "gen_ai.response.id": reply.id,
        "gen_ai.response.finish_reasons": (reply.reason,),
        "gen_ai.output.messages": output_messages(reply, reply.reason, ids=False),
    }


def chatted(reply: Reply, streamed: bool) -> dict[str, Any]:
    told = {**shape.answered(reply, streamed), "gen_ai.response.model": "openai.gpt-oss-fake"}
    details = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens")
    return {name: value for name, value in told.items() if not streamed or name not in details}


def embedded(reply: Reply, streamed: bool) -> dict[str, Any]:
    counts = {"gen_ai.usage.input_tokens": reply.usage.input} if reply.usage else {}
    return {"gen_ai.embeddings.dimension.count": len(reply.vector), **counts}


NOVA_BODY = {
    "schemaVersion": "messages-v1",
    "messages": FIELDS["messages"],
    "system": FIELDS["system"],
    "inferenceConfig": {**FIELDS["inferenceConfig"], "topK": 40},
    "toolConfig": FIELDS["toolConfig"],
}
TITAN_CONFIG = {"maxTokenCount": 64, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
SAMPLED = {**INVOKE_ASKED, "gen_ai.request.top_p": 0.9, "gen_ai.request.stop_sequences": ("END",)}
COMMAND = {"max_tokens": 64, "temperature": 0.5, "p": 0.9, "k": 40, "stop_sequences": ["END"]}
BODIES = (
    body("chat", "nova", "amazon.nova-fake-v1:0", NOVA_BODY, asked=ASKED, answered=answered, tools=True),
    body(
        "text_completion",
        "titan",
        "amazon.titan-text-fake",
        {"inputText": QUESTION, "textGenerationConfig": TITAN_CONFIG},
        asked=SAMPLED,
    ),
    body("text_completion", "llama", "meta.llama-fake", {"prompt": QUESTION, "max_gen_len": 64, "temperature": 0.5}),
    body(
        "text_completion",
        "mistral",
        "mistral.fake-7b",
        {"prompt": QUESTION, "max_tokens": 64, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop": ["END"]},
        asked={**SAMPLED, "gen_ai.request.top_k": 40},
    ),
    body(
        "text_completion",
        "command",
        "cohere.command-fake",
        {"prompt": QUESTION, **COMMAND},
        asked={**SAMPLED, "gen_ai.request.top_k": 40},
        answered=lambda reply, streamed: (
            prompted(reply, streamed) | ({} if streamed else {"gen_ai.response.id": reply.id})
        ),
    ),
    body(
        "chat",
        "command_r",
        "cohere.command-r-fake",
        {
            "message": QUESTION,
            "preamble": SYSTEM,
            "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello."}],
            "seed": 7,
            "frequency_penalty": 0.25,
            "presence_penalty": 0.5,
            "tools": [
                {
                    "name": "get_weather",
                    "description": "Current weather",
                    "parameter_definitions": {"city": {"type": "str", "required": True}},
                }
            ],
            **COMMAND,
        },
        asked={
            **SAMPLED,
            "gen_ai.request.top_k": 40,
            "gen_ai.request.seed": 7,
            "gen_ai.request.frequency_penalty": 0.25,
            "gen_ai.request.presence_penalty": 0.5,
            "gen_ai.system_instructions": SYSTEM_INSTRUCTIONS,
            "gen_ai.tool.definitions": [
                {
                    "type": "function",
                    "name": "get_weather",
                    "description": "Current weather",
                    "parameters": {"city": {"type": "str", "required": True}},
                }
            ],
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
                {"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]},
                USER_MESSAGE,
            ],
        },
        answered=commanded,
        tools=True,
    ),
    body(
        "chat",
        "openai",
        "openai.gpt-oss-fake",
        {**{name: value for name, value in shape.FIELDS.items() if name != "model"}, "reasoning_effort": "low"},
        asked={**shape.ASKED, "gen_ai.request.reasoning.level": "low"},
        answered=chatted,
        tools=True,
    ),
    body(
        "embeddings",
        "titan_embed",
        "amazon.titan-embed-fake",
        {"inputText": "a", "dimensions": 3, "embeddingTypes": ["float"]},
        asked={"gen_ai.request.encoding_formats": ("float",)},
        answered=embedded,
        ways=(Way("call", invoke),),
    ),
    body(
        "embeddings",
        "cohere_embed",
        "cohere.embed-fake",
        {"texts": ["a", "b"], "input_type": "search_query"},
        asked={},
        answered=embedded,
        ways=(Way("call", invoke),),
    ),
)
CONVERSE_MORE = replace(
    CONVERSE,
    name="bedrock.converse_more",
    fields={
        "modelId": MODEL,
        "messages": FIELDS["messages"],
        "additionalModelRequestFields": {"reasoning_effort": "low"},
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}},
        "guardrailConfig": {"guardrailIdentifier": "guard1", "guardrailVersion": "1"},
    },
    asked={
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "aws.bedrock.guardrail.id": "guard1",
        "gen_ai.input.messages": [USER_MESSAGE],
    },
    ways=(Way("call", converse),),
    stream=None,
)
AGENT = Row(
    name="bedrock.agent",
    sdk="bedrock",
    provider="aws.bedrock",
    operation="invoke_agent",
    open=opener("bedrock-agent-runtime"),
    open_async=None,
    fields={"agentId": "AGENT1", "agentAliasId": "ALIAS1", "sessionId": "session-1", "inputText": QUESTION},
    asked={
        "gen_ai.agent.id": "AGENT1",
        "gen_ai.conversation.id": "session-1",
        "gen_ai.input.messages": [USER_MESSAGE],
    },
    answered=lambda reply, streamed: {
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": reply.text}]},
        ]
    },
    ways=(Way("call", lambda client, fields: list(client.invoke_agent(**fields)["completion"]), streams=True),),
    tools=False,
    model="",
)
TRACED_AGENT = replace(
    AGENT,
    name="bedrock.traced_agent",
    fields={**AGENT.fields, "enableTrace": True},
    answered=lambda reply, streamed: {
        **AGENT.answered(reply, streamed),
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.75,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.usage.input_tokens": reply.usage.input if reply.usage else 0,
        "gen_ai.usage.output_tokens": reply.usage.output if reply.usage else 0,
    },
)
INSTRUCTION = "Answer what travellers ask about the weather."  # it has to have forty letters
INLINE_AGENT = replace(
    AGENT,
    name="bedrock.inline_agent",
    fields={
        "agentName": "desk",
        "foundationModel": "fake-model",
        "instruction": INSTRUCTION,
        "sessionId": "session-1",
        "inputText": QUESTION,
    },
    asked={
        "gen_ai.agent.name": "desk",
        "gen_ai.conversation.id": "session-1",
        "gen_ai.system_instructions": [{"type": "text", "content": INSTRUCTION}],
        "gen_ai.input.messages": [USER_MESSAGE],
    },
    ways=(Way("call", lambda client, fields: list(client.invoke_inline_agent(**fields)["completion"]), streams=True),),
    model="fake-model",
)
GENERATION = {
    "inferenceConfig": {"textInferenceConfig": FIELDS["inferenceConfig"]},
    "guardrailConfiguration": {"guardrailId": "guard1", "guardrailVersion": "1"},
}
ANSWER = Row(
    name="bedrock.retrieve_and_generate",
    sdk="bedrock",
    provider="aws.bedrock",
    operation="chat",
    open=opener("bedrock-agent-runtime"),
    open_async=None,
    fields={
        "input": {"text": QUESTION},
        "sessionId": "session-1",
        "retrieveAndGenerateConfiguration": {
            "type": "KNOWLEDGE_BASE",
            "knowledgeBaseConfiguration": {
                "knowledgeBaseId": "KNOWLEDGE1",
                "modelArn": MODEL,
                "generationConfiguration": GENERATION,
            },
        },
    },
    asked={
        **SAMPLED,
        "gen_ai.conversation.id": "session-1",
        "aws.bedrock.knowledge_base.id": "KNOWLEDGE1",
        "aws.bedrock.guardrail.id": "guard1",
    },
    answered=AGENT.answered,
    ways=(
        Way("call", lambda client, fields: client.retrieve_and_generate(**fields)),
        Way("stream", lambda client, fields: list(client.retrieve_and_generate_stream(**fields)["stream"]), True),
    ),
    tools=False,
    model=MODEL,
)
RETRIEVE = Row(
    name="bedrock.retrieve",
    sdk="bedrock",
    provider="aws.bedrock",
    operation="retrieval",
    open=opener("bedrock-agent-runtime"),
    open_async=None,
    fields={
        "knowledgeBaseId": "KNOWLEDGE1",
        "retrievalQuery": {"text": QUESTION},
        "retrievalConfiguration": {"vectorSearchConfiguration": {"numberOfResults": 2}},
    },
    asked={
        "gen_ai.data_source.id": "KNOWLEDGE1",
        "gen_ai.retrieval.top_k": 2,
        "gen_ai.retrieval.query.text": QUESTION,
    },
    answered=lambda reply, streamed: {
        "gen_ai.retrieval.documents": [
            {"id": "doc-0", "content": reply.text, "score": 0.9},
            {"id": "doc-1", "content": reply.text, "score": 0.8},
        ]
    },
    ways=(Way("call", lambda client, fields: client.retrieve(**fields)),),
    tools=False,
    model="",
)
ROWS = (CONVERSE, CONVERSE_MORE, CLAUDE, *BODIES, AGENT, TRACED_AGENT, INLINE_AGENT, ANSWER, RETRIEVE)
