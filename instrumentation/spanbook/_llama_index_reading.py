"""What LlamaIndex's methods are given and return, in the words of the conventions.

Its classes are told apart by the names of their bases, so that nothing of it is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai, names

from . import _chat_completions
from ._content import Part, blob, media, modality_of, parsed, text_part
from ._fields import field, integer, items, number, text
from ._readers import Attributes

Given = Mapping[str, Any]
Operation = tuple[str, Attributes, Attributes]

_CHATS = frozenset(("chat", "achat", "stream_chat", "astream_chat"))
_COMPLETIONS = frozenset(("complete", "acomplete", "stream_complete", "astream_complete"))
_QUERIES = frozenset(("query", "aquery", *_CHATS))


def _is(instance: Any, base: str) -> bool:
    return any(kind.__name__ == base for kind in type(instance).__mro__)


def is_model(instance: Any, method: str) -> bool:
    """Whether this is a call to a language model."""
    return method in _CHATS | _COMPLETIONS and _is(instance, "BaseLLM")


def is_embedding(instance: Any, method: str) -> bool:
    """Whether this is a call to an embedding model."""
    return "embedding" in method and not method.startswith("_") and _is(instance, "BaseEmbedding")


def operation(instance: Any, method: str, given: Given) -> Operation | None:
    """Return what other methods are; None for the steps between."""
    if method in ("retrieve", "aretrieve") and _is(instance, "BaseRetriever"):
        return _retrieval(instance, given)
    if method in ("call", "acall", "__call__") and _is(instance, "BaseTool"):
        return _tool(instance, given)
    if method in _QUERIES and (_is(instance, "BaseQueryEngine") or _is(instance, "BaseChatEngine")):
        asked = _query(next(iter(given.values()), None))
        return _workflow(gen_ai.INVOKE_WORKFLOW, type(instance).__name__, {names.INPUT: asked})
    if method == "run" and _is(instance, "BaseWorkflowAgent"):
        return _agent(instance, given)
    if method == "run" and _is(instance, "Workflow"):
        return _workflow(gen_ai.INVOKE_WORKFLOW, type(instance).__name__, {names.INPUT: given.get("kwargs")})
    return None


def model_call(instance: Any, method: str, given: Given) -> Operation:
    """Read what a model is asked, and how."""
    kind = gen_ai.CHAT if method in _CHATS else gen_ai.TEXT_COMPLETION
    told = field(instance, "metadata")
    attributes: Attributes = {
        gen_ai.OPERATION_NAME: kind,
        gen_ai.PROVIDER_NAME: _provider(instance),
        gen_ai.REQUEST_MODEL: text(field(told, "model_name")) or text(field(instance, "model")),
        gen_ai.REQUEST_TEMPERATURE: number(field(instance, "temperature")),
        gen_ai.REQUEST_MAX_TOKENS: integer(field(instance, "max_tokens")),
    }
    asked = given.get("messages") if kind == gen_ai.CHAT else given.get("prompt")
    if isinstance(asked, str):
        return kind, attributes, {gen_ai.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(asked)]}]}
    return kind, attributes, {gen_ai.INPUT_MESSAGES: [message(each) for each in items(asked)] or None}


def embedding(instance: Any) -> Operation:
    """Read which embedding model is asked."""
    attributes: Attributes = {
        gen_ai.OPERATION_NAME: gen_ai.EMBEDDINGS,
        gen_ai.PROVIDER_NAME: _provider(instance),
        gen_ai.REQUEST_MODEL: text(field(instance, "model_name")),
    }
    return gen_ai.EMBEDDINGS, attributes, {}


def _provider(instance: Any) -> str:
    """Name the provider by the integration that the model's class comes from."""
    parts = type(instance).__module__.split(".")
    return parts[2] if parts[0] == "llama_index" and len(parts) > 2 and parts[1] != "core" else parts[0]


def _retrieval(instance: Any, given: Given) -> Operation:
    attributes: Attributes = {
        gen_ai.OPERATION_NAME: gen_ai.RETRIEVAL,
        gen_ai.DATA_SOURCE_ID: type(instance).__name__,
        gen_ai.RETRIEVAL_TOP_K: integer(getattr(instance, "_similarity_top_k", None)),
    }
    return gen_ai.RETRIEVAL, attributes, {gen_ai.RETRIEVAL_QUERY_TEXT: _query(given.get("str_or_query_bundle"))}


def _query(value: Any) -> str | None:
    return value if isinstance(value, str) else text(field(value, "query_str"))


def _tool(instance: Any, given: Given) -> Operation:
    told = field(instance, "metadata")
    attributes: Attributes = {
        gen_ai.OPERATION_NAME: gen_ai.EXECUTE_TOOL,
        gen_ai.TOOL_NAME: text(field(told, "name")) or type(instance).__name__,
        gen_ai.TOOL_TYPE: "function",
        gen_ai.TOOL_DESCRIPTION: text(field(told, "description")),
    }
    arguments = dict(given.get("kwargs") or {})
    if not arguments and (positional := given.get("args") or given.get("input")):
        arguments = {"input": positional}
    return gen_ai.EXECUTE_TOOL, attributes, {gen_ai.TOOL_CALL_ARGUMENTS: arguments}


def tool_call_id(given: Given) -> str | None:
    """Return the id of the model's tool call that an agent's step carries out."""
    return text(field(given.get("ev"), "tool_id"))


def _agent(instance: Any, given: Given) -> Operation:
    start = given.get("start_event")
    asked = given.get("user_msg") or field(start, "user_msg") or _from_event(start, "user_msg")
    messages = [message(asked)] if asked is not None and not isinstance(asked, str) else None
    if isinstance(asked, str):
        messages = [{"role": "user", "parts": [text_part(asked)]}]
    system = text(field(instance, "system_prompt"))
    content: Attributes = {
        gen_ai.INPUT_MESSAGES: messages,
        gen_ai.SYSTEM_INSTRUCTIONS: [text_part(system)] if system else None,
    }
    return _workflow(gen_ai.INVOKE_AGENT, text(field(instance, "name")), content, field(instance, "description"))


def _from_event(event: Any, name: str) -> Any:
    return event.get(name) if event is not None and callable(getattr(event, "get", None)) else None


def _workflow(kind: str, name: str | None, content: Attributes, description: Any = None) -> Operation:
    attributes: Attributes = {gen_ai.OPERATION_NAME: kind, gen_ai.AGENT_NAME: name}
    attributes[gen_ai.AGENT_DESCRIPTION] = text(description)
    return kind, attributes, content


def result(kind: str, value: Any) -> Attributes:
    """Read what an operation returned."""
    if kind in (gen_ai.CHAT, gen_ai.TEXT_COMPLETION):
        return _answer(value)
    if kind == gen_ai.EMBEDDINGS:
        vector = value[0] if items(value) and items(value[0]) else value
        return {gen_ai.EMBEDDINGS_DIMENSION_COUNT: len(items(vector)) or None}
    if kind == gen_ai.RETRIEVAL:
        return {gen_ai.RETRIEVAL_DOCUMENTS: [_document(found) for found in items(value)]}
    if kind == gen_ai.EXECUTE_TOOL:
        return _tool_result(value)
    if kind == gen_ai.INVOKE_AGENT:
        said = field(field(value, "result"), "response") or field(value, "response")
        return {gen_ai.OUTPUT_MESSAGES: [message(said)]} if said is not None else {}
    said = field(value, "response")
    return {names.OUTPUT: said if isinstance(said, str) else field(value, "result")}


def _answer(response: Any) -> Attributes:
    if response is None:
        return {}
    raw, extra = field(response, "raw"), field(response, "additional_kwargs") or {}
    found = _chat_completions.usage(field(raw, "usage"))
    for name, keys in (
        (gen_ai.USAGE_INPUT_TOKENS, ("prompt_tokens", "prompt_eval_count")),
        (gen_ai.USAGE_OUTPUT_TOKENS, ("completion_tokens", "eval_count")),
    ):
        counts = [
            count for key in keys for holder in (extra, raw) if (count := integer(field(holder, key))) is not None
        ]
        if found.get(name) is None and counts:
            found[name] = counts[0]
    found[gen_ai.RESPONSE_MODEL] = text(field(raw, "model"))
    said = field(response, "message")
    if said is None:
        said = {"role": "assistant", "content": text(field(response, "text"))}
    found[gen_ai.OUTPUT_MESSAGES] = [message(said)]
    return found


def message(value: Any) -> dict[str, Any]:
    """Return one of LlamaIndex's messages in the structure of the conventions."""
    role = str(getattr(field(value, "role"), "value", field(value, "role")) or "user")
    extra = field(value, "additional_kwargs") or {}
    parts: list[Part] = [part for block in items(field(value, "blocks")) if (part := _part(block)) is not None]
    if not parts and (said := text(field(value, "content"))):
        parts.append(text_part(said))
    if role == "tool":
        answer: Part = {"type": "tool_call_response", "response": parsed(text(field(value, "content")) or "")}
        call_id = text(field(extra, "tool_call_id"))
        return {"role": role, "parts": [{**answer, "id": call_id} if call_id else answer]}
    if not any(part["type"] == "tool_call" for part in parts):
        parts.extend(_chat_completions.tool_call(call) for call in items(field(extra, "tool_calls")))
    return {"role": {"chatbot": "assistant", "model": "assistant"}.get(role, role), "parts": parts}


def _part(block: Any) -> Part | None:
    kind = text(field(block, "block_type")) or "text"
    if kind == "text":
        return text_part(text(field(block, "text")) or "")
    if kind == "thinking":
        return {"type": "reasoning", "content": text(field(block, "content")) or ""}
    if kind == "tool_call":
        call: Part = {"type": "tool_call", "name": text(field(block, "tool_name")) or ""}
        call["arguments"] = parsed(field(block, "tool_kwargs"))
        return {**call, "id": found} if (found := text(field(block, "tool_call_id"))) else call
    if url := field(block, "url"):
        return media(kind if kind in ("image", "audio", "video") else "document", str(url))
    data, mime_type = field(block, kind) or field(block, "data"), None
    for name in ("image_mimetype", "video_mimetype", "document_mimetype"):
        mime_type = mime_type or text(field(block, name))
    if isinstance(data, bytes):  # base64 already
        return blob(kind if kind in ("image", "audio", "video") else modality_of(mime_type), mime_type, data.decode())
    return {"type": kind}


def _document(found: Any) -> dict[str, Any]:
    node = field(found, "node")
    content = getattr(node, "get_content", None)
    told = {
        "id": text(field(node, "node_id")),
        "score": number(field(found, "score")),
        "content": content() if callable(content) else None,
        "metadata": field(node, "metadata") or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _tool_result(output: Any) -> Attributes:
    raw = field(output, "raw_output")
    found: Attributes = {gen_ai.TOOL_CALL_RESULT: parsed(raw) if raw is not None else text(field(output, "content"))}
    if field(output, "is_error") is True:
        found[gen_ai.ERROR_TYPE] = "tool_error"
        found[gen_ai.ERROR_MESSAGE] = text(field(output, "content"))
    return found
