"""Google's interactions: steps instead of messages, kept at Google, with a model or an agent that lives there.

One that goes on by itself, past the limit of a request, is a call for each request: each is counted anew. Before 2.0 of
the SDK an answer had contents where it has steps now, and a history turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanbook_schemas import gen_ai

from . import _background
from ._chat_completions import Cast, parameters
from ._content import Part, blob, media, parsed, plain, text_part
from ._fields import field, fields, integer, items, number, text, texts, true
from ._gemini import MODALITIES
from ._readers import Attributes, Fields, Reader

_PARAMETERS: Mapping[str, tuple[str, Cast]] = {
    "model": (gen_ai.REQUEST_MODEL, text),
    "agent": (gen_ai.AGENT_NAME, text),
    "stream": (gen_ai.REQUEST_STREAM, true),
    "previous_interaction_id": (gen_ai.REQUEST_PREVIOUS_RESPONSE_ID, text),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "top_p": (gen_ai.REQUEST_TOP_P, number),
    "max_output_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "stop_sequences": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "seed": (gen_ai.REQUEST_SEED, integer),
    "thinking_level": (gen_ai.REQUEST_REASONING_LEVEL, text),
    "response_format": (gen_ai.OUTPUT_TYPE, lambda value: "json" if value is not None else None),
}
_REASONS = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "incomplete": "length",
    "requires_continuation": "length",
    "failed": "error",
    "cancelled": "error",
}
_STATUSES = {"requires_action": "completed", "requires_continuation": "incomplete"}
"""In the conventions' words, where Google has others."""
_COUNTS = ("input_tokens_by_modality", "output_tokens_by_modality", "cached_tokens_by_modality")
_MEDIA = ("image", "audio", "video", "document")


class Interactions(Reader):
    """Reads `/interactions`, whose answers may be streamed."""

    operation = gen_ai.GENERATE_CONTENT

    def request(self, request: Fields) -> Attributes:
        asked = _asked(request)
        found = parameters({**fields(asked.get("generation_config")), **asked}, _PARAMETERS)
        agent = found.get(gen_ai.AGENT_NAME)
        return {**found, gen_ai.OPERATION_NAME: gen_ai.INVOKE_AGENT if agent else self.operation}

    def request_content(self, request: Fields) -> Attributes:
        asked = _asked(request)
        told = text(asked.get("system_instruction"))
        return {
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(told)] if told else None,
            gen_ai.INPUT_MESSAGES: _history(asked.get("input")) or None,
            gen_ai.TOOL_DEFINITIONS: [_definition(tool) for tool in items(asked.get("tools"))] or None,
        }

    def response(self, response: Any) -> Attributes:
        response_id, status = text(field(response, "id")), text(field(response, "status")) or ""
        error = next(iter(items(field(response, "errors"))), None)
        _background.begun(response_id, status)
        return {
            gen_ai.RESPONSE_ID: response_id,
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.RESPONSE_FINISH_REASONS: [reason] if (reason := _REASONS.get(status)) else None,
            **_usage(field(response, "usage")),
            gen_ai.ERROR_TYPE: text(field(error, "code")) or ("failed" if status == "failed" else None),
            gen_ai.ERROR_MESSAGE: text(field(error, "message")),
        }

    def response_content(self, response: Any) -> Attributes:
        return {gen_ai.OUTPUT_MESSAGES: _output(response)}

    def join(self, chunks: list[Any]) -> Any:
        return _join(chunks)


class FetchedInteraction(Reader):
    """Reads `GET /interactions/{id}`, which costs no tokens; what went on in the background is counted by it, once."""

    operation = gen_ai.FETCH_RESPONSE

    def request(self, request: Fields) -> Attributes:
        return {
            gen_ai.RESPONSE_ID: text(request.get("id")) or request["path"].rpartition("/")[2],
            gen_ai.REQUEST_STREAM_CURSOR: text(request.get("last_event_id")),
        }

    def response(self, response: Any) -> Attributes:
        status = text(field(response, "status")) or ""
        return {
            gen_ai.RESPONSE_MODEL: text(field(response, "model")),
            gen_ai.RESPONSE_STATUS: _STATUSES.get(status, status) or None,
            gen_ai.RESPONSE_FINISH_REASONS: [reason] if (reason := _REASONS.get(status)) else None,
            **_background.counted(text(field(response, "id")), status, _usage(field(response, "usage"))),
        }

    def response_content(self, response: Any) -> Attributes:
        told = text(field(response, "system_instruction"))
        return {
            gen_ai.SYSTEM_INSTRUCTIONS: [text_part(told)] if told else None,
            gen_ai.OUTPUT_MESSAGES: _output(response),
            gen_ai.TOOL_DEFINITIONS: [_definition(tool) for tool in items(field(response, "tools"))] or None,
        }

    def join(self, chunks: list[Any]) -> Any:
        return _join(chunks)


def _output(response: Any) -> list[dict[str, Any]] | None:
    """Return all that an interaction brought forth as the one message it is."""
    steps = (*items(field(response, "steps")), *items(field(response, "outputs")))
    parts = [part for step in steps if field(step, "type") != "user_input" for part in _parts(step)]
    if not parts:
        return None
    said: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reason := _REASONS.get(text(field(response, "status")) or ""):
        said["finish_reason"] = reason
    return [said]


def _asked(request: Fields) -> Fields:
    """Return the fields of the body, which may come as one object."""
    given = request.get("request")
    return request if not given else fields(field(given, "body"))


def _usage(used: Any) -> Attributes:
    """Read token counts: what a tool put in is input, and thoughts are output, counted with it or beside it."""
    sent, said, thought, tools, total = (
        integer(field(used, f"total_{kind}tokens")) for kind in ("input_", "output_", "thought_", "tool_use_", "")
    )
    if thought is None:
        thought = integer(field(used, "total_reasoning_tokens"))  # their first name
    if sent is None and said is None:
        return {}
    received = (sent or 0) + (tools or 0)
    beside = total != received + (said or 0)
    found: Attributes = {
        gen_ai.USAGE_INPUT_TOKENS: received,
        gen_ai.USAGE_OUTPUT_TOKENS: (said or 0) + (thought or 0 if beside else 0),
        gen_ai.USAGE_CACHE_READ_INPUT_TOKENS: integer(field(used, "total_cached_tokens")),
        gen_ai.USAGE_REASONING_OUTPUT_TOKENS: thought,
    }
    for way, name in enumerate(_COUNTS):
        for detail in items(field(used, name)):
            if counter := MODALITIES.get((text(field(detail, "modality")) or "").upper()):
                found[counter[way]] = integer(field(detail, "tokens"))
    return found


def _history(given: Any) -> list[dict[str, Any]]:
    """Return the messages of an input: a text, contents, which are one message, or steps, each of which is one."""
    if isinstance(given, str):
        return [{"role": "user", "parts": [text_part(given)]}]
    entries = items(given) or ([given] if given is not None else [])
    if all(_is_content(entry) for entry in entries):
        return [{"role": "user", "parts": [_content(entry) for entry in entries]}] if entries else []
    return [{"role": _role(entry), "parts": _parts(entry)} for entry in entries]


def _is_content(entry: Any) -> bool:
    return isinstance(entry, str) or field(entry, "type") in ("text", *_MEDIA)


def _role(step: Any) -> str:
    if turn := text(field(step, "role")):
        return "assistant" if turn == "model" else turn
    kind = field(step, "type")
    return "user" if kind == "user_input" else "tool" if kind == "function_result" else "assistant"


def _parts(step: Any) -> list[Part]:
    if field(step, "role"):
        said = field(step, "content")
        return [text_part(said)] if isinstance(said, str) else [part for each in items(said) for part in _parts(each)]
    if _is_content(step):
        return [_content(step)]
    kind = text(field(step, "type")) or "unknown"
    if kind in ("user_input", "model_output"):
        return [_content(content) for content in items(field(step, "content"))]
    if kind == "thought":
        thoughts = [text(field(content, "text")) for content in items(field(step, "summary"))]
        return [{"type": "reasoning", "content": thought} for thought in thoughts if thought]
    return [_tool(kind, step)]


def _tool(kind: str, step: Any) -> Part:
    """Return a call or a result: of the application's functions, or of a tool of Google's own, `google_search_call`."""
    if kind.endswith("_call"):
        name, arguments = kind.removesuffix("_call"), parsed(plain(field(step, "arguments")))
        called: Part = {"type": "server_tool_call", "name": name, "id": text(field(step, "id"))}
        if name == "function":
            return {**called, "type": "tool_call", "name": text(field(step, "name")) or "", "arguments": arguments}
        return {**called, "server_tool_call": {"type": name, "arguments": arguments}}
    if kind.endswith("_result"):
        name, result = kind.removesuffix("_result"), plain(field(step, "result"))
        answered: Part = {"type": "server_tool_call_response", "id": text(field(step, "call_id"))}
        if name == "function":
            return {**answered, "type": "tool_call_response", "response": parsed(result)}
        return {**answered, "server_tool_call_response": {"type": name, "result": result}}
    return {"type": kind}


def _content(content: Any) -> Part:
    if isinstance(content, str):
        return text_part(content)
    kind = text(field(content, "type")) or "unknown"
    if kind == "text":
        return text_part(text(field(content, "text")) or "")
    mime_type = text(field(content, "mime_type"))
    if data := text(field(content, "data")):
        return blob(kind, mime_type, data)
    if uri := text(field(content, "uri")):
        return {**media(kind, uri), **({"mime_type": mime_type} if mime_type else {})}
    return {"type": kind}


def _definition(tool: Any) -> dict[str, Any]:
    kind = text(field(tool, "type")) or "function"
    described = {name: field(tool, name) for name in ("description", "parameters")}
    known = {name: plain(value) for name, value in described.items() if value is not None}
    return {"type": kind, "name": text(field(tool, "name")) or kind, **known}


_WHOLE = ("interaction.created", "interaction.completed", "interaction.start", "interaction.complete")
_PIECES = ("steps", "outputs")


def _join(events: list[Any]) -> dict[str, Any]:
    """Put the steps together that a stream told of; what it says of the interaction at its end holds."""
    joined: dict[str, Any] = {}
    steps: dict[Any, dict[str, Any]] = {}
    for event in events:
        kind = text(field(event, "event_type")) or ""
        if kind in _WHOLE:
            told = fields(field(event, "interaction"))
            joined.update((name, value) for name, value in told.items() if value is not None and name not in _PIECES)
        elif kind in ("step.start", "content.start"):
            steps[field(event, "index")] = _begun(field(event, "step") or _step(field(event, "content")))
        elif kind in ("step.delta", "content.delta"):
            _add(steps.setdefault(field(event, "index"), _begun({"type": "model_output"})), field(event, "delta"))
        elif kind == "error":
            joined |= {"status": "failed", "errors": [field(event, "error")]}
    return {**joined, "steps": [_ended(step) for step in steps.values()]}


_GROWING = ("content", "summary")


class _Words(list[str]):
    """A text that grows."""


def _step(content: Any) -> Any:
    """Return the step that begins with *content*."""
    return {"type": "model_output"} if _is_content(content) else content


def _begun(step: Any) -> dict[str, Any]:
    told = fields(step)
    return {**told, **{name: list(items(told.get(name))) for name in _GROWING}}


def _ended(step: dict[str, Any]) -> dict[str, Any]:
    for name in _GROWING:
        whole = [{"type": "text", "text": "".join(each)} if type(each) is _Words else each for each in step[name]]
        step[name] = whole
    return step


def _add(step: dict[str, Any], delta: Any) -> None:
    kind = text(field(delta, "type")) or ""
    if kind == "arguments_delta":
        begun = step.get("arguments")
        step["arguments"] = (begun if isinstance(begun, str) else "") + (text(field(delta, "arguments")) or "")
    elif kind == "thought_summary":
        _extend(step["summary"], field(delta, "content"))
    elif kind in ("text", *_MEDIA):
        _extend(step["content"], delta)
    elif kind.endswith(("_call", "_result")):
        step.update((name, value) for name, value in fields(delta).items() if value is not None)


def _extend(known: list[Any], content: Any) -> None:
    """Texts that follow each other are one."""
    piece = field(content, "text")
    if not isinstance(piece, str):
        known.append(content)
    elif known and type(known[-1]) is _Words:
        known[-1].append(piece)
    else:
        known.append(_Words([piece]))
