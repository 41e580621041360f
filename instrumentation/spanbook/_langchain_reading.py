"""What LangChain's callbacks tell, in the words of the conventions. Pure: nothing of LangChain is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai, names

from ._chat_completions import OPENAI_PARAMETERS, Cast, parameters, tool_definitions
from ._content import Part, blob, media, modality_of, parsed, text_part
from ._fields import field, integer, items, number, text, texts
from ._readers import Attributes

Told = Mapping[str, Any]

_HIDDEN = "langsmith:hidden"
_NODE = "graph:step:"
_AGENT = "langchain_create_agent"
_GRAPH = "LangGraph"  # what a graph without a name is called
_AGENT_OPERATIONS = (gen_ai.INVOKE_AGENT, gen_ai.INVOKE_WORKFLOW)

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    **OPENAI_PARAMETERS,
    "model_name": (gen_ai.REQUEST_MODEL, text),
    "model_id": (gen_ai.REQUEST_MODEL, text),
    "stop_sequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "max_output_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
}
_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
_ROLES = {"human": "user", "ai": "assistant", "HumanMessageChunk": "user", "AIMessageChunk": "assistant"}
# In chat completions' words, so that one query serves all providers.
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "STOP": "stop",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "SAFETY": "content_filter",
}


def chain_kind(told: Told) -> tuple[str, str | None] | None:
    """Return the operation and the name of a chain, or None for the glue between operations."""
    name = text(told.get("name")) or "chain"
    tags, metadata = told.get("tags") or (), told.get("metadata") or {}
    if _HIDDEN in tags:
        return None
    if any(tag.startswith(_NODE) for tag in tags):
        return gen_ai.INVOKE_WORKFLOW, name
    agent = metadata.get("lc_agent_name")
    if metadata.get("ls_integration") == _AGENT and name == (agent or _GRAPH):
        return gen_ai.INVOKE_AGENT, agent
    if name == "AgentExecutor":
        return gen_ai.INVOKE_AGENT, None
    if told.get("parent_run_id") is not None and (told.get("run_type") in ("prompt", "parser") or _is_glue(name)):
        return None
    return gen_ai.INVOKE_WORKFLOW, name


def _is_glue(name: str) -> bool:
    """Tell whether a chain within another has no name that somebody gave it."""
    return name.startswith(("Runnable", "Prompt", "ChatPrompt")) or name.endswith(("Parser", "PromptTemplate"))


def chain_input(operation: str, value: Any) -> Attributes:
    """Return what went into a chain: messages, where an agent has them, else the value."""
    if operation == gen_ai.INVOKE_AGENT and (messages := _messages_within(value)):
        system = [part for message in messages if message["role"] == "system" for part in message["parts"]]
        return {
            gen_ai.INPUT_MESSAGES: [message for message in messages if message["role"] != "system"],
            gen_ai.SYSTEM_INSTRUCTIONS: system or None,
        }
    return {names.INPUT: _readable(value)}


def chain_output(operation: str, value: Any) -> Attributes:
    """Return what came out of a chain; of an agent's messages the last one, which is its answer."""
    if operation == gen_ai.INVOKE_AGENT and (messages := _messages_within(value)):
        return {gen_ai.OUTPUT_MESSAGES: messages[-1:]}
    return {names.OUTPUT: _readable(value)}


def belonging(operation: str, told: Told) -> Attributes:
    """Return conversation, session, user and agent, as far as the run's metadata tells."""
    metadata = told.get("metadata") or {}
    found: Attributes = {
        gen_ai.SESSION_ID: _name_of(metadata.get("session_id")),
        gen_ai.USER_ID: _name_of(metadata.get("user_id")),
    }
    if operation != gen_ai.RETRIEVAL:
        thread = metadata.get("thread_id") or metadata.get("conversation_id")
        found[gen_ai.CONVERSATION_ID] = _name_of(thread)
    if operation == gen_ai.EXECUTE_TOOL:
        found[gen_ai.AGENT_NAME] = text(metadata.get("lc_agent_name"))
    return {name: value for name, value in found.items() if value is not None}


def _name_of(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def request(serialized: Any, told: Told) -> Attributes:
    """Read which model is asked, and how."""
    metadata = told.get("metadata") or {}
    provider = text(metadata.get("ls_provider")) or _class_of(serialized).lower()
    found: Attributes = {
        gen_ai.PROVIDER_NAME: _PROVIDERS.get(provider, provider),
        gen_ai.REQUEST_MODEL: text(metadata.get("ls_model_name")),
        gen_ai.REQUEST_TEMPERATURE: number(metadata.get("ls_temperature")),
        gen_ai.REQUEST_MAX_TOKENS: integer(metadata.get("ls_max_tokens")),
        gen_ai.REQUEST_STOP_SEQUENCES: texts(metadata.get("ls_stop")),
    }
    found.update(parameters(told.get("invocation_params") or {}, _PARAMETERS))
    if found[gen_ai.PROVIDER_NAME] != "openai":
        found.pop(gen_ai.OPENAI_REQUEST_SERVICE_TIER, None)
    return {name: value for name, value in found.items() if value is not None}


def _class_of(serialized: Any) -> str:
    path = items(field(serialized, "id"))
    return str(path[-1]) if path else text(field(serialized, "name")) or "langchain"


def input_messages(batches: Any) -> list[dict[str, Any]]:
    """Return what a chat model was asked."""
    return [message(item) for batch in items(batches) for item in items(batch)]


def prompts(texts_of: Any) -> list[dict[str, Any]]:
    """Return what a completion model was asked."""
    return [{"role": "user", "parts": [text_part(prompt)]} for prompt in texts(texts_of) or ()]


def tools(told: Told) -> Any:
    """Return the tools that were offered to the model."""
    params = told.get("invocation_params") or {}
    offered = items(params.get("tools"))
    functions = [tool for tool in offered if field(tool, "input_schema") is None]
    definitions = [
        {
            "type": "function",
            "name": text(field(tool, "name")) or "",
            "description": text(field(tool, "description")),
            "parameters": field(tool, "input_schema"),
        }
        for tool in offered
        if field(tool, "input_schema") is not None
    ]
    return [*(tool_definitions(functions) or ()), *definitions] or None


def answer(result: Any, with_content: bool) -> Attributes:
    """Read a model's answer, or what there was of it; None: nothing."""
    generations = [generation for batch in items(field(result, "generations")) for generation in items(batch)]
    if not generations:
        return {}
    said = [field(generation, "message") for generation in generations]
    told = field(said[0], "response_metadata") or field(result, "llm_output") or {}
    reasons = [_reason(generation) for generation in generations]
    found: Attributes = {
        gen_ai.RESPONSE_ID: _response_id(said[0], told),
        gen_ai.RESPONSE_MODEL: text(field(told, "model_name")) or text(field(told, "model")),
        gen_ai.RESPONSE_FINISH_REASONS: [reason or "error" for reason in reasons] if any(reasons) else None,
        **_usage(said),
    }
    if with_content:
        found[gen_ai.OUTPUT_MESSAGES] = [
            _spoken(generation, reason) for generation, reason in zip(generations, reasons, strict=True)
        ]
    return found


def _reason(generation: Any) -> str | None:
    told = field(field(generation, "message"), "response_metadata") or {}
    info = field(generation, "generation_info") or {}
    for holder in (told, info):
        for key in ("finish_reason", "stop_reason", "stopReason", "done_reason"):
            if reason := text(field(holder, key)):
                return _REASONS.get(reason, reason)
    return None


def _response_id(said: Any, told: Any) -> str | None:
    for found in (text(field(told, "id")), text(field(said, "id"))):
        if found and not found.startswith("lc_"):  # LangChain's own ids name its runs
            return found
    return None


def _usage(said: list[Any]) -> Attributes:
    counted = [used for message in said if (used := field(message, "usage_metadata"))]
    if not counted:
        return {}
    used = counted[0]
    into, out = field(used, "input_token_details"), field(used, "output_token_details")
    return {
        gen_ai.USAGE_INPUT_TOKENS: integer(field(used, "input_tokens")),
        gen_ai.USAGE_OUTPUT_TOKENS: integer(field(used, "output_tokens")),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: integer(field(into, "cache_read")),
        gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS: integer(field(into, "cache_creation")),
        gen_ai.USAGE_REASONING_OUTPUT_TOKENS: integer(field(out, "reasoning")),
    }


def _spoken(generation: Any, reason: str | None) -> dict[str, Any]:
    said = field(generation, "message")
    if said is not None:
        told = message(said)
    else:
        told = {"role": "assistant", "parts": [text_part(text(field(generation, "text")) or "")]}
    return {**told, "finish_reason": reason} if reason else told


def message(value: Any) -> dict[str, Any]:
    """Return one of LangChain's messages in the structure of the conventions."""
    kind = text(field(value, "type")) or "user"
    content = field(value, "content")
    if kind in ("tool", "ToolMessageChunk"):
        part: Part = {"type": "tool_call_response", "response": _result(content)}
        if call_id := text(field(value, "tool_call_id")):
            part["id"] = call_id
        return {"role": "tool", "parts": [part]}
    calls = items(field(value, "tool_calls"))
    parts = [said for block in _blocks(content) if (said := _part(block)) is not None]
    parts.extend(_tool_call(call) for call in calls)
    role = text(field(value, "role")) or _ROLES.get(kind, kind) if kind == "chat" else _ROLES.get(kind, kind)
    return {"role": role, "parts": parts}


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return list(items(content))


def _part(block: Any) -> Part | None:
    """Return one block of content; tool calls are listed elsewhere."""
    if isinstance(block, str):
        return text_part(block)
    kind = text(field(block, "type")) or "text"
    if kind in ("tool_use", "tool_call", "function_call", "input_json_delta", "tool_call_chunk"):
        return None
    if kind in ("text", "output_text", "input_text"):
        return text_part(text(field(block, "text")) or "")
    if kind in ("thinking", "reasoning"):
        thought = text(field(block, "thinking")) or text(field(block, "reasoning"))
        return {"type": "reasoning", "content": thought} if thought else None
    if kind in ("image_url", "image", "audio", "video", "file", "document"):
        return _media(kind.removesuffix("_url"), block)
    return {"type": kind}


def _media(kind: str, block: Any) -> Part:
    source = field(block, "source") or block
    mime_type = text(field(source, "mime_type")) or text(field(source, "media_type"))
    modality = kind if kind in ("image", "audio", "video") else modality_of(mime_type)
    url = field(block, "image_url")
    if found := text(url) or text(field(url, "url")) or text(field(source, "url")):
        return media(modality, found)
    if data := text(field(source, "base64")) or text(field(source, "data")):
        return blob(modality, mime_type, data)
    return {"type": "file", "modality": modality, "file_id": text(field(source, "file_id")) or ""}


def _tool_call(call: Any) -> Part:
    part: Part = {"type": "tool_call", "name": text(field(call, "name")) or "", "arguments": field(call, "args")}
    return {**part, "id": call_id} if (call_id := text(field(call, "id"))) else part


def _result(content: Any) -> Any:
    if isinstance(content, str):
        return parsed(content)
    return [part for block in items(content) if (part := _part(block)) is not None]


def tool(serialized: Any, told: Told) -> Attributes:
    """Read which tool is called."""
    name = text(told.get("name")) or text(field(serialized, "name")) or "tool"
    found: Attributes = {
        gen_ai.OPERATION_NAME: gen_ai.EXECUTE_TOOL,
        gen_ai.TOOL_NAME: name,
        gen_ai.TOOL_TYPE: "function",
        gen_ai.TOOL_DESCRIPTION: text(field(serialized, "description")),
        gen_ai.TOOL_CALL_ID: text(told.get("tool_call_id")),
    }
    return {name: value for name, value in found.items() if value is not None}


def tool_arguments(input_str: Any, told: Told) -> Any:
    """Return what a tool was called with, as an object."""
    inputs = told.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {"input": parsed(input_str)}


def tool_result(output: Any) -> Attributes:
    """Read what a tool returned; one that reports failure as a message has failed."""
    content = field(output, "content")
    found: Attributes = {gen_ai.TOOL_CALL_RESULT: output if content is None else _result(content)}
    if call_id := text(field(output, "tool_call_id")):  # releases before 1.2 do not tell it at the start
        found[gen_ai.TOOL_CALL_ID] = call_id
    if field(output, "status") == "error":
        found[gen_ai.ERROR_TYPE] = "tool_error"
        found[gen_ai.ERROR_MESSAGE] = text(content)
    return found


def retrieval(told: Told) -> Attributes:
    """Read where documents are looked for."""
    metadata = told.get("metadata") or {}
    source = text(metadata.get("ls_vector_store_provider")) or text(told.get("name")) or "retriever"
    return {gen_ai.OPERATION_NAME: gen_ai.RETRIEVAL, gen_ai.DATA_SOURCE_ID: source}


def documents(found: Any) -> list[dict[str, Any]]:
    """Return what a retriever found."""
    told = []
    for document in items(found):
        metadata = field(document, "metadata") or {}
        entry = {
            "id": _name_of(field(document, "id")),
            "content": field(document, "page_content"),
            "score": number(field(metadata, "score")),
            "metadata": metadata or None,
        }
        told.append({key: value for key, value in entry.items() if value is not None})
    return told


def _messages_within(value: Any) -> list[dict[str, Any]]:
    """Return the messages of a graph's state, or of an input that will become one."""
    held = field(value, "messages")
    if isinstance(held, str):
        return [{"role": "user", "parts": [text_part(held)]}]
    return [_any_message(item) for item in (items(held) if not _is_message(held) else (held,))]


def _any_message(value: Any) -> dict[str, Any]:
    if isinstance(value, tuple) and len(value) == 2:
        return {"role": str(value[0]), "parts": [text_part(str(value[1]))]}
    if isinstance(value, str):
        return {"role": "user", "parts": [text_part(value)]}
    if isinstance(value, dict) and "type" not in value:
        return message({**value, "type": value.get("role")})
    return message(value)


def _is_message(value: Any) -> bool:
    return hasattr(value, "content") and hasattr(value, "response_metadata")


def _readable(value: Any, depth: int = 0) -> Any:
    """Return *value* with the messages in it as everywhere else, instead of their dozen fields each."""
    if _is_message(value):
        return message(value)
    if hasattr(value, "goto") and hasattr(value, "update"):  # a LangGraph Command
        value = {"update": value.update, "goto": value.goto}
    if depth < 6 and isinstance(value, Mapping):
        return {str(key): _readable(item, depth + 1) for key, item in value.items()}
    if depth < 6 and isinstance(value, list | tuple):
        return [_readable(item, depth + 1) for item in value]
    return value
