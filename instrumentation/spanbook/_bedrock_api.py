"""Bedrock's shapes: converse, which is the same for all models, and invoke-model, whose body is each maker's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._chat_completions import Cast, ChatCompletions, output_type, parameters
from ._content import Part, binary, parsed, plain, text_part
from ._fields import field, fields, integer, items, number, text, texts
from ._messages import Messages
from ._readers import Attributes, Fields, Reader

INFERENCE: Mapping[str, tuple[str, Cast]] = {
    "maxTokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "max_new_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "topP": (gen_ai.REQUEST_TOP_P, number),
    "topK": (gen_ai.REQUEST_TOP_K, integer),
    "top_k": (gen_ai.REQUEST_TOP_K, integer),
    "stopSequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
}
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "FINISH": "stop",
    "LENGTH": "length",
    "COMPLETE": "stop",
    "MAX_TOKENS": "length",
}


class Converse(Reader):
    """Reads `converse` and `converse-stream`, and the body of Amazon's Nova, which is the same."""

    operation = gen_ai.CHAT

    def request(self, request: Fields) -> Attributes:
        more, output = request.get("additionalModelRequestFields") or {}, request.get("outputConfig")
        found = {**parameters(more, INFERENCE), **parameters(request.get("inferenceConfig") or {}, INFERENCE)}
        found[gen_ai.REQUEST_MODEL] = text(request.get("modelId"))
        found[gen_ai.REQUEST_REASONING_LEVEL] = text(field(output, "effort")) or _effort(more)
        found[gen_ai.OUTPUT_TYPE] = output_type(field(field(output, "textFormat"), "type"))
        found[gen_ai.AWS_BEDROCK_GUARDRAIL_ID] = text(field(request.get("guardrailConfig"), "guardrailIdentifier"))
        return found

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: [_message(item) for item in items(request.get("messages"))] or None,
            gen_ai.SYSTEM_INSTRUCTIONS: [_part(block) for block in items(request.get("system"))] or None,
            gen_ai.TOOL_DEFINITIONS: _tool_definitions(field(request.get("toolConfig"), "tools")),
        }

    def response(self, response: Any) -> Attributes:
        reason = text(field(response, "stopReason"))
        return {
            gen_ai.RESPONSE_FINISH_REASONS: [_REASONS.get(reason, reason)] if reason else None,
            **_usage(field(response, "usage")),
        }

    def response_content(self, response: Any) -> Attributes:
        said = field(field(response, "output"), "message")
        parts = [_part(block) for block in items(field(said, "content"))]
        return answer(parts, text(field(response, "stopReason")))

    def join(self, chunks: list[Any]) -> Any:
        return _join([_unpacked(chunk) for chunk in chunks])


class InvokedClaude(Messages):
    """Reads the body of Anthropic's models."""

    def request(self, request: Fields) -> Attributes:
        return {**super().request(_body(request)), **_invoked(request)}

    def request_content(self, request: Fields) -> Attributes:
        return super().request_content(_body(request))

    def join(self, chunks: list[Any]) -> Any:
        return super().join([_unpacked(chunk) for chunk in chunks])


class InvokedNova(Converse):
    """Reads the body of Amazon's Nova."""

    def request(self, request: Fields) -> Attributes:
        return {**super().request(_body(request)), **_invoked(request)}

    def request_content(self, request: Fields) -> Attributes:
        return super().request_content(_body(request))


class InvokedChat(ChatCompletions):
    """Reads bodies that are OpenAI's chat: its open models, and newer ones of Mistral, DeepSeek and Qwen."""

    def request(self, request: Fields) -> Attributes:
        return {**super().request(_body(request)), **_invoked(request)}

    def request_content(self, request: Fields) -> Attributes:
        return super().request_content(_body(request))

    def join(self, chunks: list[Any]) -> Any:
        told = [_unpacked(chunk) for chunk in chunks]
        joined = super().join(told)
        metrics = field(told[-1], "amazon-bedrock-invocationMetrics")
        sent, written = field(metrics, "inputTokenCount"), field(metrics, "outputTokenCount")
        return {**joined, "usage": joined.get("usage") or {"prompt_tokens": sent, "completion_tokens": written}}


class InvokedPrompt(Reader):
    """Reads bodies of a prompt and its continuation: Titan, Llama, older Mistral, Cohere's Command."""

    operation = gen_ai.TEXT_COMPLETION
    _PARAMETERS: Mapping[str, tuple[str, Cast]] = {
        **INFERENCE,
        "maxTokenCount": (gen_ai.REQUEST_MAX_TOKENS, integer),
        "max_gen_len": (gen_ai.REQUEST_MAX_TOKENS, integer),
        "max_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
        "top_p": (gen_ai.REQUEST_TOP_P, number),
        "p": (gen_ai.REQUEST_TOP_P, number),
        "k": (gen_ai.REQUEST_TOP_K, integer),
        "stop": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
        "stop_sequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
        "seed": (gen_ai.REQUEST_SEED, integer),
        "frequency_penalty": (gen_ai.REQUEST_FREQUENCY_PENALTY, number),
        "presence_penalty": (gen_ai.REQUEST_PRESENCE_PENALTY, number),
    }

    def request(self, request: Fields) -> Attributes:
        body = _body(request)
        config = body.get("textGenerationConfig")
        found = parameters({**body, **(config if isinstance(config, Mapping) else {})}, self._PARAMETERS)
        return {**found, **_invoked(request)}

    def request_content(self, request: Fields) -> Attributes:
        body = _body(request)
        prompt = text(body.get("prompt")) or text(body.get("inputText"))
        return {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(prompt)]}] if prompt else None}

    def response(self, response: Any) -> Attributes:
        reason = self._reason(response)
        metrics = field(response, "amazon-bedrock-invocationMetrics")
        read = (
            field(response, "prompt_token_count"),
            field(response, "inputTextTokenCount"),
            field(metrics, "inputTokenCount"),
        )
        written = (
            field(response, "generation_token_count"),
            field(_first(response), "tokenCount"),
            field(response, "totalOutputTextTokenCount"),
            field(metrics, "outputTokenCount"),
        )
        found = {
            gen_ai.RESPONSE_ID: text(field(response, "response_id")) or text(field(response, "id")),
            gen_ai.RESPONSE_FINISH_REASONS: [_REASONS.get(reason, reason)] if reason else None,
            gen_ai.USAGE_INPUT_TOKENS: _count(read),
            gen_ai.USAGE_OUTPUT_TOKENS: _count(written),
        }
        return {name: value for name, value in found.items() if value is not None}  # the headers may have told it

    def response_content(self, response: Any) -> Attributes:
        return answer([text_part(said)], self._reason(response)) if (said := self._said(response)) else {}

    def join(self, chunks: list[Any]) -> Any:
        told = [_unpacked(chunk) for chunk in chunks]
        said = "".join(filter(None, map(self._said, told)))
        reason = next(filter(None, map(self._reason, reversed(told))), None)
        known = {name: value for piece in told for name, value in fields(piece).items() if value is not None}
        return {**known, "outputs": None, "generation": said, "stop_reason": reason}

    def _said(self, response: Any) -> str | None:
        first = _first(response)
        places = (
            field(response, "generation"),
            field(first, "outputText"),
            field(first, "text"),
            field(response, "text"),
        )
        return next(filter(None, map(text, places)), None)

    def _reason(self, response: Any) -> str | None:
        first = _first(response)
        places = (
            field(response, "stop_reason"),
            field(first, "stop_reason"),
            field(first, "completionReason"),
            field(first, "finish_reason"),
            field(response, "finish_reason"),
        )
        return next(filter(None, map(text, places)), None)


class InvokedCommand(InvokedPrompt):
    """Reads the body of Cohere's Command R: the last message, and the conversation before it."""

    operation = gen_ai.CHAT

    def request_content(self, request: Fields) -> Attributes:
        body = _body(request)
        said = [*items(body.get("chat_history")), {"role": "USER", "message": body.get("message")}]
        preamble = text(body.get("preamble"))
        return {
            gen_ai.INPUT_MESSAGES: [_turn(item) for item in said],
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(preamble)] if preamble else None,
            gen_ai.TOOL_DEFINITIONS: [_command_tool(tool) for tool in items(body.get("tools"))] or None,
        }

    def response(self, response: Any) -> Attributes:
        found = super().response(response)
        if field(response, "tool_calls"):
            found[gen_ai.RESPONSE_FINISH_REASONS] = ["tool_calls"]
        return found

    def response_content(self, response: Any) -> Attributes:
        calls = [
            {"type": "tool_call", "name": text(field(call, "name")) or "", "arguments": field(call, "parameters")}
            for call in items(field(response, "tool_calls"))
        ]
        said = self._said(response)
        return answer([*([text_part(said)] if said else []), *calls], "tool_use" if calls else self._reason(response))

    def join(self, chunks: list[Any]) -> Any:
        joined = super().join([chunk for chunk in chunks if field(_unpacked(chunk), "event_type") != "stream-end"])
        last = _unpacked(chunks[-1])
        return {**joined, **fields(last), **fields(field(last, "response"))}


class InvokedEmbeddings(Reader):
    """Reads the bodies of Titan's and Cohere's embeddings."""

    operation = gen_ai.EMBEDDINGS

    def request(self, request: Fields) -> Attributes:
        body = _body(request)
        return {
            **_invoked(request),
            gen_ai.REQUEST_ENCODING_FORMATS: texts(body.get("embedding_types") or body.get("embeddingTypes")),
            gen_ai.EMBEDDINGS_DIMENSION_COUNT: integer(body.get("dimensions")),
        }

    def response(self, response: Any) -> Attributes:
        vectors = field(response, "embeddings")
        vector = field(response, "embedding") or (vectors[0] if isinstance(vectors, list) and vectors else None)
        counted = integer(field(response, "inputTextTokenCount"))
        found: Attributes = {} if counted is None else {gen_ai.USAGE_INPUT_TOKENS: counted}
        return {**found, gen_ai.EMBEDDINGS_DIMENSION_COUNT: len(vector)} if isinstance(vector, list) else found


CONVERSE = Converse()
_CLAUDE, _NOVA, _CHAT, _COMMAND, _PROMPT, _EMBEDDINGS = (
    InvokedClaude(),
    InvokedNova(),
    InvokedChat(),
    InvokedCommand(),
    InvokedPrompt(),
    InvokedEmbeddings(),
)


def family_of(params: Mapping[str, Any]) -> Reader:
    """Return the reader of the body that the model in *params* expects."""
    model = str(params.get("modelId"))
    if "embed" in model:
        return _EMBEDDINGS
    if "anthropic." in model:
        return _CLAUDE
    if "amazon.nova" in model:
        return _NOVA
    body = _body(params)
    return _CHAT if "messages" in body else _COMMAND if "message" in body else _PROMPT


def _body(request: Fields) -> dict[str, Any]:
    """Return the body as values; one that is read from a file stays unread."""
    body = request.get("body")
    if not isinstance(body, str | bytes | bytearray):
        return {}
    value = parsed(bytes(body).decode("utf-8", "replace") if not isinstance(body, str) else body)
    return value if isinstance(value, dict) else {}


def _invoked(request: Fields) -> Attributes:
    """Return what stands beside the body."""
    return {
        gen_ai.REQUEST_MODEL: text(request.get("modelId")),
        gen_ai.AWS_BEDROCK_GUARDRAIL_ID: text(request.get("guardrailIdentifier")),
    }


def _effort(more: Any) -> str | None:
    """Return how hard a model shall think, by whichever of the makers' names."""
    nova, claude = field(more, "reasoningConfig"), field(more, "output_config")
    places = (field(more, "reasoning_effort"), field(nova, "maxReasoningEffort"), field(claude, "effort"))
    return next(filter(None, map(text, places)), None)


def _unpacked(chunk: Any) -> Any:
    """Return a model's own event, which the stream of invoke-model wraps in bytes."""
    inner = field(field(chunk, "chunk"), "bytes")
    if not isinstance(inner, bytes):
        return chunk
    try:
        return json.loads(inner)
    except ValueError:
        return {}


def _count(places: tuple[Any, ...]) -> int | None:
    return next((count for place in places if (count := integer(place)) is not None), None)


def _turn(value: Any) -> dict[str, Any]:
    """Return one turn of Cohere's history."""
    role = {"CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}.get(text(field(value, "role")) or "", "user")
    return {"role": role, "parts": [text_part(text(field(value, "message")) or "")]}


def _command_tool(tool: Any) -> dict[str, Any]:
    told = {"name": text(field(tool, "name")) or "", "description": text(field(tool, "description")) or ""}
    return {"type": "function", **told, "parameters": field(tool, "parameter_definitions")}


def _first(response: Any) -> Any:
    """Return the first of a list of results, whatever the maker calls the list."""
    for name in ("results", "outputs", "generations"):
        if found := items(field(response, name)):
            return found[0]
    return response


def _usage(used: Any) -> Attributes:
    """Read token counts; like Anthropic, Bedrock counts cached tokens beside the input."""
    read, written = integer(field(used, "cacheReadInputTokens")), integer(field(used, "cacheWriteInputTokens"))
    sent = integer(field(used, "inputTokens"))
    return {
        gen_ai.USAGE_INPUT_TOKENS: None if sent is None else sent + (read or 0) + (written or 0),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(used, "outputTokens")),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: read,
        gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS: written,
    }


def answer(parts: list[Part], reason: str | None) -> Attributes:
    if not parts:
        return {}
    said: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reason:
        said["finish_reason"] = _REASONS.get(reason, reason)
    return {gen_ai.OUTPUT_MESSAGES: [said]}


def _message(value: Any) -> dict[str, Any]:
    parts = [_part(block) for block in items(field(value, "content"))]
    results = parts and all(part["type"] == "tool_call_response" for part in parts)
    return {"role": "tool" if results else text(field(value, "role")) or "user", "parts": parts}


def _part(block: Any) -> Part:
    kind, value = next(iter(block.items()), ("unknown", None)) if isinstance(block, Mapping) else ("unknown", None)
    if kind == "text":
        return text_part(text(value) or "")
    if kind == "toolUse":
        call: Part = {"type": "tool_call", "name": text(field(value, "name")) or "", "arguments": field(value, "input")}
        return {**call, "id": text(field(value, "toolUseId"))}
    if kind == "toolResult":
        result = [_result(item) for item in items(field(value, "content"))]
        told: Part = {"type": "tool_call_response", "response": result[0] if len(result) == 1 else result}
        return {**told, "id": text(field(value, "toolUseId"))}
    if kind == "reasoningContent":
        return {"type": "reasoning", "content": text(field(field(value, "reasoningText"), "text")) or ""}
    if kind in ("image", "video", "audio", "document"):
        return _media(kind, value)
    return {"type": kind}


def _result(item: Any) -> Any:
    if (value := field(item, "json")) is not None:
        return plain(value)
    return told if (told := text(field(item, "text"))) is not None else _part(item)


def _media(kind: str, value: Any) -> Part:
    source, form = field(value, "source"), text(field(value, "format"))
    mime_type = f"{'application' if kind == 'document' else kind}/{form}" if form else None
    if isinstance(data := field(source, "bytes"), bytes):
        return binary(kind, mime_type, data)
    return {"type": "uri", "modality": kind, "uri": text(field(field(source, "s3Location"), "uri")) or ""}


def _tool_definitions(tools: Any) -> list[dict[str, Any]] | None:
    definitions = []
    for tool in items(tools):
        if (told := field(tool, "toolSpec")) is None:
            continue
        definition: dict[str, Any] = {"type": "function", "name": text(field(told, "name")) or ""}
        if description := text(field(told, "description")):
            definition["description"] = description
        if (schema := field(field(told, "inputSchema"), "json")) is not None:
            definition["parameters"] = schema
        definitions.append(definition)
    return definitions or None


def _join(events: list[Any]) -> dict[str, Any]:
    """Put a streamed answer together from its events."""
    joined: dict[str, Any] = {}
    blocks: dict[Any, dict[str, Any]] = {}
    for event in events:
        if not isinstance(event, Mapping):
            continue
        if (begun := event.get("contentBlockStart")) is not None:
            blocks.setdefault(field(begun, "contentBlockIndex"), {}).update(field(begun, "start") or {})
        elif (more := event.get("contentBlockDelta")) is not None:
            _add(blocks.setdefault(field(more, "contentBlockIndex"), {}), field(more, "delta"))
        elif (stopped := event.get("messageStop")) is not None:
            joined["stopReason"] = field(stopped, "stopReason")
        elif (told := event.get("metadata")) is not None:
            joined["usage"] = field(told, "usage")
    joined["output"] = {"message": {"content": [_whole(block) for block in blocks.values()]}}
    return joined


def _add(block: dict[str, Any], delta: Any) -> None:
    for kind, pieces in (
        ("text", field(delta, "text")),
        ("arguments", field(field(delta, "toolUse"), "input")),
        ("reasoning", field(field(delta, "reasoningContent"), "text")),
    ):
        if isinstance(pieces, str):
            block.setdefault(f"{kind} pieces", []).append(pieces)


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    if "toolUse" in block:
        arguments = "".join(block.get("arguments pieces", ())) or "{}"
        return {"toolUse": {**block["toolUse"], "input": parsed(arguments)}}
    if "reasoning pieces" in block:
        return {"reasoningContent": {"reasoningText": {"text": "".join(block["reasoning pieces"])}}}
    return {"text": "".join(block.get("text pieces", ()))}
