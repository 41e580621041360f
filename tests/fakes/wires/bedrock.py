"""Amazon Bedrock: converse and invoke-model, whole or as AWS's binary event stream. Signatures are accepted unread."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from fakes.exchange import Asked, Body, Request, Stream, Wire
from fakes.replies import Fault, Reply, pieces
from fakes.wires import anthropic, openai

EVENT_STREAM = "application/vnd.amazon.eventstream"
REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}


def converse(request: Request, reply: Reply) -> Body:
    message = {"role": "assistant", "content": _blocks(reply)}
    value = {"output": {"message": message}, "stopReason": REASONS[reply.reason], "metrics": {"latencyMs": 1}}
    return Body(value | ({"usage": _usage(reply)} if reply.usage else {}))


def converse_stream(request: Request, reply: Reply) -> Stream:
    events: list[dict[str, Any]] = [{"messageStart": {"role": "assistant"}}]
    for index, block in enumerate(_blocks(reply)):
        if "toolUse" in block:
            named = {key: block["toolUse"][key] for key in ("name", "toolUseId")}
            events.append({"contentBlockStart": {"contentBlockIndex": index, "start": {"toolUse": named}}})
        events += [{"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}} for delta in _deltas(block)]
        events.append({"contentBlockStop": {"contentBlockIndex": index}})
    events.append({"messageStop": {"stopReason": REASONS[reply.reason]}})
    if reply.usage:
        events.append({"metadata": {"usage": _usage(reply), "metrics": {"latencyMs": 1}}})
    return Stream(events, event_message, EVENT_STREAM)


def invoke(request: Request, reply: Reply) -> Body:
    family = _family(request)
    counts = {"input": reply.usage.input, "output": reply.usage.output} if reply.usage else {}
    headers = tuple((f"x-amzn-bedrock-{kind}-token-count", str(count)) for kind, count in counts.items())
    return Body(family(request, reply), headers=headers)


def invoke_stream(request: Request, reply: Reply) -> Stream:
    events = STREAMS[_family(request)](request, reply)
    if reply.usage:
        metrics = {"inputTokenCount": reply.usage.input, "outputTokenCount": reply.usage.output}
        events[-1] = {**events[-1], "amazon-bedrock-invocationMetrics": metrics}
    return Stream(events, chunk_message, EVENT_STREAM)


def invoke_agent(request: Request, reply: Reply) -> Stream:
    words = [{"chunk": {"bytes": _base64(piece.encode())}} for piece in reply.pieces]
    return Stream([*(_traces(reply) if request.json.get("enableTrace") else ()), *words], event_message, EVENT_STREAM)


def retrieve_and_generate(request: Request, reply: Reply) -> Body:
    said = {"textResponsePart": {"text": reply.text, "span": {"start": 0, "end": len(reply.text)}}}
    citation = {"generatedResponsePart": said, "retrievedReferences": []}
    return Body({"sessionId": "session-1", "output": {"text": reply.text}, "citations": [citation]})


def retrieve_and_generate_stream(request: Request, reply: Reply) -> Stream:
    return Stream([{"output": {"text": piece}} for piece in reply.pieces], event_message, EVENT_STREAM)


def retrieve(request: Request, reply: Reply) -> Body:
    results = [
        {
            "documentId": f"doc-{number}",
            "content": {"type": "TEXT", "text": reply.text},
            "score": round(0.9 - number / 10, 1),
        }
        for number in range(reply.documents)
    ]
    return Body({"retrievalResults": results})


def error(fault: Fault) -> Body:
    kinds = {
        400: "ValidationException",
        401: "UnrecognizedClientException",
        403: "AccessDeniedException",
        429: "ThrottlingException",
        503: "ServiceUnavailableException",
    }
    kind = kinds.get(fault.status, "InternalServerException")
    return Body({"message": fault.message}, headers=(("x-amzn-errortype", kind), ("x-amzn-requestid", "req_1")))


def read(request: Request) -> Asked:
    tools = [tool.get("toolSpec") or {} for tool in (request.json.get("toolConfig") or {}).get("tools") or ()]
    last = (request.json.get("messages") or [{}])[-1]
    return Asked(
        tools=tuple((tool.get("name", ""), (tool.get("inputSchema") or {}).get("json") or {}) for tool in tools),
        answered=any("toolResult" in block for block in last.get("content") or ()),
    )


def event_message(event: dict[str, Any]) -> bytes:
    """One message of the event stream: `{event type: payload}`, framed with lengths and two checksums."""
    kind, payload = next(iter(event.items()))
    exception = kind.endswith("Exception")
    names = {
        ":exception-type" if exception else ":event-type": kind,
        ":content-type": "application/json",
        ":message-type": "exception" if exception else "event",
    }
    headers = b"".join(_header(name, value) for name, value in names.items())
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def chunk_message(event: dict[str, Any]) -> bytes:
    """A model's own event in an event stream: base64 of its JSON."""
    if next(iter(event), "").endswith("Exception"):
        return event_message(event)
    return event_message({"chunk": {"bytes": _base64(json.dumps(event).encode())}})


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        blocks.append({"reasoningContent": {"reasoningText": {"text": reply.thinking, "signature": "c2ln"}}})
    if reply.text and not reply.tool_calls:
        blocks.append({"text": reply.text})
    for call in reply.tool_calls:
        blocks.append({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}})
    return blocks


def _deltas(block: dict[str, Any]) -> list[dict[str, Any]]:
    if "text" in block:
        return [{"text": piece} for piece in pieces(block["text"])]
    if "toolUse" in block:
        arguments = json.dumps(block["toolUse"]["input"])
        half = len(arguments) // 2
        return [{"toolUse": {"input": part}} for part in (arguments[:half], arguments[half:])]
    thought = block["reasoningContent"]["reasoningText"]
    told = [{"reasoningContent": {"text": piece}} for piece in pieces(thought["text"])]
    return [*told, {"reasoningContent": {"signature": thought["signature"]}}]


def _usage(reply: Reply) -> dict[str, Any]:
    """Like Anthropic's, `inputTokens` leaves the cached ones out."""
    if reply.usage is None:
        return {}
    counted = reply.usage
    return {
        "inputTokens": counted.input - counted.cached - counted.cache_written,
        "outputTokens": counted.output,
        "totalTokens": counted.input + counted.output,
        "cacheReadInputTokens": counted.cached,
        "cacheWriteInputTokens": counted.cache_written,
    }


def _family(request: Request) -> Callable[[Request, Reply], dict[str, Any]]:
    """Which maker's body the model in the path expects."""
    model = unquote(request.path)
    return next((family for name, family in FAMILIES.items() if name in model), _claude)


def _traces(reply: Reply) -> list[dict[str, Any]]:
    """What an agent tells of its two model calls."""
    told = {"agentId": "AGENT1", "sessionId": "session-1"}
    config = {"maximumLength": 64, "temperature": 0.5, "topP": 0.75, "stopSequences": ["END"]}
    asked = {"traceId": "t-1", "text": "…", "type": "ORCHESTRATION", "inferenceConfiguration": config}
    counted = reply.usage
    half = {"inputTokens": counted.input // 2, "outputTokens": counted.output // 2} if counted else {}
    gave = {"traceId": "t-1", "metadata": {"usage": half}}
    steps: list[dict[str, Any]] = [
        {"preProcessingTrace": {"modelInvocationInput": asked}},
        {"preProcessingTrace": {"modelInvocationOutput": gave}},
        {"orchestrationTrace": {"rationale": {"traceId": "t-1", "text": "…"}}},
        {"orchestrationTrace": {"modelInvocationOutput": gave}},
    ]
    return [{"trace": {**told, "trace": step}} for step in steps]


def _claude(request: Request, reply: Reply) -> dict[str, Any]:
    return anthropic.message(request, reply)


def _nova(request: Request, reply: Reply) -> dict[str, Any]:
    value: dict[str, Any] = converse(request, reply).value
    return value


def _nova_events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    return list(converse_stream(request, reply).events)


def _titan(request: Request, reply: Reply) -> dict[str, Any]:
    if "embed" in request.path:
        return {"embedding": list(reply.vector), "inputTextTokenCount": reply.usage.input if reply.usage else 0}
    result = {"outputText": reply.text, "completionReason": "FINISH", "tokenCount": reply.usage and reply.usage.output}
    return {"inputTextTokenCount": reply.usage and reply.usage.input, "results": [result]}


def _titan_events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    counts = {"totalOutputTextTokenCount": None, "inputTextTokenCount": None, "completionReason": None}
    events = [{"outputText": piece, "index": 0, **counts} for piece in reply.pieces]
    counted = reply.usage
    totals = {"totalOutputTextTokenCount": counted and counted.output, "inputTextTokenCount": counted and counted.input}
    return [*events[:-1], {**events[-1], **totals, "completionReason": "FINISH"}]


def _llama(request: Request, reply: Reply) -> dict[str, Any]:
    counted = reply.usage
    counts = {"prompt_token_count": counted.input, "generation_token_count": counted.output} if counted else {}
    return {"generation": reply.text, "stop_reason": "stop", **counts}


def _llama_events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    counted = reply.usage
    events: list[dict[str, Any]] = [
        {"generation": piece, "prompt_token_count": None, "generation_token_count": at + 1, "stop_reason": None}
        for at, piece in enumerate(reply.pieces)
    ]
    events[0]["prompt_token_count"] = counted and counted.input
    total = {"generation": "", "generation_token_count": counted and counted.output, "stop_reason": "stop"}
    return [*events, {"prompt_token_count": None, **total}]


def _mistral(request: Request, reply: Reply) -> dict[str, Any]:
    return {"outputs": [{"text": reply.text, "stop_reason": "stop"}]}


def _mistral_events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    words = [{"outputs": [{"text": piece, "stop_reason": None}]} for piece in reply.pieces]
    return [*words, {"outputs": [{"text": "", "stop_reason": "stop"}]}]


def _cohere(request: Request, reply: Reply) -> dict[str, Any]:
    """Command R has conversations, Command a prompt, and Embed lists of vectors."""
    if "embed" in request.path:
        count = len(request.json.get("texts") or [""])
        return {"id": reply.id, "embeddings": [list(reply.vector)] * count, "response_type": "embeddings_floats"}
    if "message" not in request.json:
        said = {"id": reply.id, "text": reply.text, "finish_reason": "COMPLETE"}
        return {"id": reply.id, "generations": [said], "prompt": request.json.get("prompt")}
    called = [{"name": call.name, "parameters": call.arguments} for call in reply.tool_calls]
    said = {"text": reply.text, "finish_reason": "COMPLETE", **({"tool_calls": called} if called else {})}
    return {"response_id": reply.id, "generation_id": "generation_1", **said}


def _cohere_events(request: Request, reply: Reply) -> list[dict[str, Any]]:
    whole = _cohere(request, reply)
    if "message" not in request.json:
        pieces = [{"text": piece, "is_finished": False} for piece in reply.pieces]
        return [*pieces, {"is_finished": True, "finish_reason": "COMPLETE"}]
    events: list[dict[str, Any]] = [{"event_type": "stream-start", "is_finished": False, "generation_id": "g"}]
    for piece in reply.pieces if not reply.tool_calls else ():
        events.append({"event_type": "text-generation", "is_finished": False, "text": piece})
    ending = {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE", "response": whole}
    return [*events, ending]


def _openai(request: Request, reply: Reply) -> dict[str, Any]:
    value: dict[str, Any] = openai.chat(request, reply).value  # type: ignore[union-attr]
    return value


FAMILIES: dict[str, Callable[[Request, Reply], dict[str, Any]]] = {
    "anthropic.": _claude,
    "amazon.nova": _nova,
    "amazon.titan": _titan,
    "meta.llama": _llama,
    "mistral.": _mistral,
    "cohere.": _cohere,
    "openai.": _openai,
}
STREAMS: dict[Callable[[Request, Reply], dict[str, Any]], Callable[[Request, Reply], list[dict[str, Any]]]] = {
    _claude: anthropic.events,
    _nova: _nova_events,
    _titan: _titan_events,
    _llama: _llama_events,
    _mistral: _mistral_events,
    _cohere: _cohere_events,
    _openai: openai.chunks,
}

STREAM_ERROR = {"modelStreamErrorException": {"message": "injected fault", "originalStatusCode": 500}}


def _wire(name: str, action: str, render: Any, stream_error: Any = None) -> Wire:
    return Wire(f"bedrock.{name}", re.compile(rf"/model/[^/]+/{action}$"), render, error, stream_error, read)


WIRES = (
    _wire("converse", "converse", converse),
    _wire("converse_stream", "converse-stream", converse_stream, STREAM_ERROR),
    _wire("invoke", "invoke", invoke),
    _wire("invoke_stream", "invoke-with-response-stream", invoke_stream, STREAM_ERROR),
    Wire("bedrock.inline_agent", re.compile(r"^/agents/[^/]+$"), invoke_agent, error),
    Wire("bedrock.agent", re.compile(r"/agents/[^/]+/agentAliases/[^/]+/sessions/[^/]+/text$"), invoke_agent, error),
    Wire("bedrock.answer", re.compile(r"/retrieveAndGenerate$"), retrieve_and_generate, error),
    Wire("bedrock.answer_stream", re.compile(r"/retrieveAndGenerateStream$"), retrieve_and_generate_stream, error),
    Wire("bedrock.retrieve", re.compile(r"/knowledgebases/[^/]+/retrieve$"), retrieve, error),
)
