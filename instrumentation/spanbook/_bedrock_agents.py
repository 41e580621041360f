"""Bedrock's agents and knowledge bases, which call the models themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._bedrock_api import INFERENCE, answer
from ._chat_completions import Cast, parameters
from ._content import text_part
from ._fields import field, fields, integer, items, number, text, texts
from ._readers import Attributes, Fields, Reader


class HostedAgent(Reader):
    """Reads `InvokeAgent`: the agent is Amazon's, so are its model calls. Its traces, where asked for, count them."""

    operation = gen_ai.INVOKE_AGENT

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.AGENT_ID: text(request.get("agentId")),
            gen_ai.CONVERSATION_ID: text(request.get("sessionId")),
        }

    def request_content(self, request: Fields) -> Attributes:
        return _asked(request.get("inputText"))

    def response(self, response: Any) -> Attributes:
        calls = [call for event in items(field(response, "traces")) if (call := _model_call(event))]
        used = [field(field(field(call, "modelInvocationOutput"), "metadata"), "usage") for call in calls]
        settings = [given for call in calls if (given := field(call, "modelInvocationInput"))]
        configured = fields(field(settings[0], "inferenceConfiguration")) if settings else {}
        return {
            **parameters(configured, _AGENT_INFERENCE),
            gen_ai.USAGE_INPUT_TOKENS: _sum(used, "inputTokens"),
            gen_ai.USAGE_OUTPUT_TOKENS: _sum(used, "outputTokens"),
        }

    def response_content(self, response: Any) -> Attributes:
        return _said(field(response, "said"))

    def join(self, chunks: list[Any]) -> Any:
        pieces = [field(field(chunk, "chunk"), "bytes") for chunk in chunks]
        said = b"".join(piece for piece in pieces if isinstance(piece, bytes)).decode("utf-8", "replace")
        return {"said": said, "traces": [told for chunk in chunks if (told := field(chunk, "trace"))]}


class InlineAgent(HostedAgent):
    """Reads `InvokeInlineAgent`: an agent that comes with its request."""

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.AGENT_NAME: text(request.get("agentName")),
            gen_ai.REQUEST_MODEL: text(request.get("foundationModel")),
            gen_ai.CONVERSATION_ID: text(request.get("sessionId")),
        }

    def request_content(self, request: Fields) -> Attributes:
        told = text(request.get("instruction"))
        return {**super().request_content(request), gen_ai.SYSTEM_INSTRUCTIONS: [text_part(told)] if told else None}


class KnowledgeBase(Reader):
    """Reads `Retrieve`."""

    operation = gen_ai.RETRIEVAL

    def request(self, request: Fields) -> Attributes:
        search = field(request.get("retrievalConfiguration"), "vectorSearchConfiguration")
        return {
            gen_ai.DATA_SOURCE_ID: text(request.get("knowledgeBaseId")),
            gen_ai.RETRIEVAL_TOP_K: integer(field(search, "numberOfResults")),
        }

    def request_content(self, request: Fields) -> Attributes:
        return {gen_ai.RETRIEVAL_QUERY_TEXT: text(field(request.get("retrievalQuery"), "text"))}

    def response_content(self, response: Any) -> Attributes:
        documents = [
            {
                name: value
                for name, value in (
                    ("id", text(field(result, "documentId"))),
                    ("content", text(field(field(result, "content"), "text"))),
                    ("score", number(field(result, "score"))),
                )
                if value is not None
            }
            for result in items(field(response, "retrievalResults"))
        ]
        return {gen_ai.RETRIEVAL_DOCUMENTS: documents or None}


class RetrieveAndGenerate(Reader):
    """Reads `RetrieveAndGenerate` and its stream: an answer out of a knowledge base, by a model of Amazon's."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        config = field(request.get("retrieveAndGenerateConfiguration"), "knowledgeBaseConfiguration")
        generation = field(config, "generationConfiguration")
        given = fields(field(field(generation, "inferenceConfig"), "textInferenceConfig"))
        guardrail = field(generation, "guardrailConfiguration")
        return {
            **parameters(given, INFERENCE),
            gen_ai.REQUEST_MODEL: text(field(config, "modelArn")),
            gen_ai.CONVERSATION_ID: text(request.get("sessionId")),
            gen_ai.AWS_BEDROCK_KNOWLEDGE_BASE_ID: text(field(config, "knowledgeBaseId")),
            gen_ai.AWS_BEDROCK_GUARDRAIL_ID: text(field(guardrail, "guardrailId")),
        }

    def request_content(self, request: Fields) -> Attributes:
        return _asked(field(request.get("input"), "text"))

    def response(self, response: Any) -> Attributes:
        session = text(field(response, "sessionId"))
        return {gen_ai.CONVERSATION_ID: session} if session else {}

    def response_content(self, response: Any) -> Attributes:
        return _said(field(field(response, "output"), "text"))

    def join(self, chunks: list[Any]) -> Any:
        pieces = [text(field(field(chunk, "output"), "text")) or "" for chunk in chunks]
        return {"output": {"text": "".join(pieces)}}


AGENT, INLINE_AGENT = HostedAgent(), InlineAgent()
RETRIEVE, RETRIEVE_AND_GENERATE = KnowledgeBase(), RetrieveAndGenerate()

_AGENT_INFERENCE: Mapping[str, tuple[str, Cast]] = {
    "maximumLength": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "topP": (gen_ai.REQUEST_TOP_P, number),
    "stopSequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
}
_IN_MODEL_CALLS = {"modelInvocationInput", "modelInvocationOutput"}


def _asked(said: Any) -> Attributes:
    told = text(said)
    return {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(told)]}]} if told else {}


def _said(answered: Any) -> Attributes:
    told = text(answered)
    return answer([text_part(told)], None) if told else {}


def _model_call(event: Any) -> Any:
    """Return what a trace event tells of a model call, in whichever step of the agent."""
    steps = fields(field(event, "trace")).values()
    return next((step for step in steps if _IN_MODEL_CALLS.intersection(fields(step))), None)


def _sum(used: list[Any], name: str) -> int | None:
    counts = [count for each in used if (count := integer(field(each, name))) is not None]
    return sum(counts) if counts else None
