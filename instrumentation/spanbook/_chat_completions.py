"""OpenAI-shaped chat completions, which many providers and SDKs speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from spanbook_schemas import gen_ai

from ._content import Part, blob, media, parsed, text_part
from ._fields import field, fields, integer, items, number, text, texts, true
from ._readers import Attributes, Fields, Reader

Cast = Callable[[Any], Any]
Table = Mapping[str, tuple[str, Cast]]

PARAMETERS: Table = {
    "model": (gen_ai.REQUEST_MODEL, text),
    "stream": (gen_ai.REQUEST_STREAM, true),
    "max_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "max_completion_tokens": (gen_ai.REQUEST_MAX_TOKENS, integer),
    "temperature": (gen_ai.REQUEST_TEMPERATURE, number),
    "top_p": (gen_ai.REQUEST_TOP_P, number),
    "top_k": (gen_ai.REQUEST_TOP_K, integer),
    "stop": (gen_ai.REQUEST_STOP_SEQUENCES, texts),
    "frequency_penalty": (gen_ai.REQUEST_FREQUENCY_PENALTY, number),
    "presence_penalty": (gen_ai.REQUEST_PRESENCE_PENALTY, number),
    "seed": (gen_ai.REQUEST_SEED, integer),
    "n": (gen_ai.REQUEST_CHOICE_COUNT, lambda value: integer(value) if value != 1 else None),
    "reasoning_effort": (gen_ai.REQUEST_REASONING_LEVEL, text),
    "response_format": (gen_ai.OUTPUT_TYPE, lambda value: output_type(field(value, "type"))),
}
OPENAI_PARAMETERS = {
    **PARAMETERS,
    "service_tier": (gen_ai.OPENAI_REQUEST_SERVICE_TIER, lambda value: text(value) if value != "auto" else None),
}
_COUNTS: Table = {
    "prompt_tokens": (gen_ai.USAGE_INPUT_TOKENS, integer),
    "completion_tokens": (gen_ai.USAGE_OUTPUT_TOKENS, integer),
}
_COUNTS_READ: Table = {
    "cached_tokens": (gen_ai.USAGE_CACHE_READ_INPUT_TOKENS, integer),
    "cache_write_tokens": (gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS, integer),
    "text_tokens": (gen_ai.USAGE_TEXT_INPUT_TOKENS, integer),
    "image_tokens": (gen_ai.USAGE_IMAGE_INPUT_TOKENS, lambda value: integer(value) or None),
    "audio_tokens": (gen_ai.USAGE_AUDIO_INPUT_TOKENS, lambda value: integer(value) or None),
}
_COUNTS_WRITTEN: Table = {
    "reasoning_tokens": (gen_ai.USAGE_REASONING_OUTPUT_TOKENS, integer),
    "text_tokens": (gen_ai.USAGE_TEXT_OUTPUT_TOKENS, integer),
    "audio_tokens": (gen_ai.USAGE_AUDIO_OUTPUT_TOKENS, lambda value: integer(value) or None),
}
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}
_ONLY_CONTENT = {"content"}


class ChatCompletions(Reader):
    """Reads `/chat/completions` and what looks like it."""

    operation = gen_ai.CHAT
    answers: ClassVar[Table] = {
        "id": (gen_ai.RESPONSE_ID, text),
        "model": (gen_ai.RESPONSE_MODEL, text),
    }

    def request(self, request: Fields) -> Attributes:
        return parameters(request, PARAMETERS)

    def request_content(self, request: Fields) -> Attributes:
        return {
            gen_ai.INPUT_MESSAGES: [message(item) for item in items(request.get("messages"))],
            gen_ai.TOOL_DEFINITIONS: tool_definitions(request.get("tools")),
        }

    def response(self, response: Any) -> Attributes:
        known = fields(response)
        found = usage(known.get("usage"))
        parameters(known, self.answers, found)
        reasons = [text(field(choice, "finish_reason")) for choice in items(known.get("choices"))]
        if any(reasons):
            found[gen_ai.RESPONSE_FINISH_REASONS] = [reason or "error" for reason in reasons]
        return found

    def response_content(self, response: Any) -> Attributes:
        messages = [_answer(choice) for choice in items(field(response, "choices"))]
        return {gen_ai.OUTPUT_MESSAGES: messages if any(message["parts"] for message in messages) else None}

    def join(self, chunks: list[Any]) -> Any:
        return join(chunks)


class OpenAIChatCompletions(ChatCompletions):
    """Reads what OpenAI itself adds."""

    answers: ClassVar[Table] = {
        **ChatCompletions.answers,
        "service_tier": (gen_ai.OPENAI_RESPONSE_SERVICE_TIER, text),
        "system_fingerprint": (gen_ai.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, text),
    }

    def request(self, request: Fields) -> Attributes:
        found = parameters(request, OPENAI_PARAMETERS)
        found[gen_ai.OPENAI_API_TYPE] = "chat_completions"
        return found


def parameters(known: Fields, table: Table, found: Attributes | None = None) -> Attributes:
    """Read the fields that *table* names, of a request or of an answer, and add them to those that were *found*."""
    if found is None:
        found = {}
    for name, value in known.items():
        if value is not None and (rule := table.get(name)):
            read = rule[1](value)
            if read is not None:
                found[rule[0]] = read
    return found


def output_type(name: Any) -> str | None:
    """Return the conventions' name of a response format."""
    return _OUTPUT_TYPES.get(name) if isinstance(name, str) else None


def usage(value: Any) -> Attributes:
    """Read OpenAI's token counts, of which the details are parts."""
    known = fields(value)
    found = parameters(known, _COUNTS)
    if details := known.get("prompt_tokens_details"):
        parameters(fields(details), _COUNTS_READ, found)
    if details := known.get("completion_tokens_details"):
        parameters(fields(details), _COUNTS_WRITTEN, found)
    return found


def message(value: Any) -> dict[str, Any]:
    """Return one message of the history in the structure of the conventions."""
    role = text(field(value, "role")) or "user"
    if type(value) is dict and len(value) == 2 and type(content := value.get("content")) is str and role != "tool":
        return {"role": role, "parts": [text_part(content)]}  # as most messages are
    if role in ("tool", "function"):
        response = field(value, "content")
        part = {"type": "tool_call_response", "response": _plain_content(response)}
        if call_id := text(field(value, "tool_call_id")) or text(field(value, "name")):
            part["id"] = call_id
        return {"role": "tool", "parts": [part]}
    said: dict[str, Any] = {"role": role, "parts": parts_of(value)}
    if name := text(field(value, "name")):
        said["name"] = name
    return said


def parts_of(value: Any) -> list[Part]:
    """Return what a message consists of: reasoning, content, refusal, audio, tool calls."""
    known = fields(value)
    content = known.get("content")
    parts: list[Part] = []
    if reasoning := text(known.get("reasoning_content")) or text(known.get("reasoning")):
        parts.append({"type": "reasoning", "content": reasoning})
    if isinstance(content, str):
        if content:
            parts.append(text_part(content))
    else:
        parts.extend(_part(item) for item in items(content))
    if refusal := text(known.get("refusal")):
        parts.append({"type": "refusal", "content": refusal})
    if audio := known.get("audio"):
        parts.append(_audio(audio))
    parts.extend(tool_call(call) for call in items(known.get("tool_calls")))
    if legacy := known.get("function_call"):
        parts.append(tool_call({"function": legacy}))
    return parts


def tool_call(call: Any) -> Part:
    """Return one tool call that the model asked for."""
    function = field(call, "function") or field(call, "custom")
    part: Part = {"type": "tool_call", "name": text(field(function, "name")) or ""}
    if call_id := text(field(call, "id")):
        part["id"] = call_id
    arguments = field(function, "arguments")
    if arguments is None:
        arguments = field(function, "input")
    if arguments is not None:
        part["arguments"] = parsed(arguments)
    return part


def tool_definitions(tools: Any) -> list[dict[str, Any]] | None:
    """Return the tools that the model may call; OpenAI nests a function under a key, its Responses API does not."""
    definitions = []
    for tool in items(tools):
        kind = text(field(tool, "type")) or "function"
        function = field(tool, kind) if isinstance(field(tool, kind), Mapping) else tool
        definition = {"type": kind, "name": text(field(function, "name")) or kind}
        for name in ("description", "parameters"):
            if (value := field(function, name)) is not None:
                definition[name] = value
        definitions.append(definition)
    return definitions or None


def join(chunks: list[Any]) -> dict[str, Any]:
    """Put a streamed answer together; chunks may lack anything, the choice's index too."""
    joined: dict[str, Any] = {}
    choices: dict[Any, _Pieces] = {}
    index: int | None = -1
    words: list[str] = []
    for chunk in chunks:
        # Nearly every chunk of a long answer is one more word of the same choice and nothing else.
        try:
            (choice,) = chunk.choices
            delta = choice.delta
            if (
                choice.index == index
                and delta.__pydantic_fields_set__ == _ONLY_CONTENT
                and type(word := delta.content) is str
                and not delta.__pydantic_extra__
                and choice.finish_reason is None
                and chunk.usage is None
            ):
                words.append(word)
                continue
        except (AttributeError, TypeError, ValueError):
            pass
        index, words = _add_chunk(joined, choices, fields(chunk))
    joined["choices"] = [choices[index].whole() for index in sorted(choices, key=_order)]
    return joined


def _add_chunk(joined: dict[str, Any], choices: dict[Any, _Pieces], chunk: Fields) -> tuple[int | None, list[str]]:
    """Add all that a chunk may say; return the index and the words of its choice."""
    index: int | None = -1
    words: list[str] = []
    streamed = chunk.get("choices")
    for choice in items(streamed):
        told = fields(choice)
        index = integer(told.get("index"))
        pieces = choices.setdefault(index, _Pieces())
        pieces.add(told)
        words = pieces.words
    if not streamed or not joined:
        # The first chunk names the response, the last ones carry usage; those between repeat it.
        joined.update((name, value) for name, value in chunk.items() if value is not None and name != "choices")
    elif (late := chunk.get("usage")) is not None:
        joined["usage"] = late
    return index, words


class _Pieces:
    """One choice as far as it was streamed."""

    __slots__ = ("_others", "_reason", "_texts", "_tools", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self._texts: dict[str, list[str]] = {"content": self.words}
        self._tools: dict[int | str, dict[str, Any]] = {}
        self._others: dict[str, Any] = {}
        self._reason: Any = None

    def add(self, choice: Fields) -> None:
        delta = choice.get("delta")
        reason = choice.get("finish_reason")
        if reason is not None:
            self._reason = reason
        if delta is None:
            if isinstance(legacy := choice.get("text"), str):
                self._texts.setdefault("text", []).append(legacy)
            return
        for name, value in fields(delta).items():
            if value is None:
                continue
            if name == "tool_calls":
                for call in items(value):
                    _add_tool_call(self._tools, call)
            elif name != "role" and isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
            else:
                self._others[name] = value

    def whole(self) -> dict[str, Any]:
        """Return the choice as an answer that was not streamed has it."""
        said = {name: "".join(pieces) for name, pieces in self._texts.items()}
        legacy = said.pop("text", None)
        message = {**self._others, **said}
        if self._tools:
            message["tool_calls"] = [
                {"id": tool["id"], "function": {"name": tool["name"], "arguments": "".join(tool["arguments"])}}
                for tool in self._tools.values()
            ]
        whole = {"finish_reason": self._reason, "message": message}
        return whole if legacy is None else {**whole, "text": legacy}


def _add_tool_call(tools: dict[int | str, dict[str, Any]], call: Any) -> None:
    index, call_id = field(call, "index"), text(field(call, "id"))
    # Servers that leave the index out send each call whole, or name it by its id.
    key = index if isinstance(index, int) else (call_id or next(reversed(tools), 0))
    tool = tools.setdefault(key, {"id": None, "name": "", "arguments": []})
    function = field(call, "function")
    tool["id"] = tool["id"] or call_id
    if name := text(field(function, "name")):
        tool["name"] = tool["name"] or name
    if arguments := text(field(function, "arguments")):
        tool["arguments"].append(arguments)


def _order(index: Any) -> int:
    return index if isinstance(index, int) else -1


def _answer(choice: Any) -> dict[str, Any]:
    known = fields(choice)
    said = known.get("message")
    answer: dict[str, Any] = {"role": text(field(said, "role")) or "assistant", "parts": parts_of(said)}
    if reason := text(known.get("finish_reason")):
        answer["finish_reason"] = reason
    return answer


def _part(value: Any) -> Part:
    """Return one part of a message's content."""
    if isinstance(value, str):
        return text_part(value)
    kind = text(field(value, "type")) or "unknown"
    if kind in ("text", "input_text", "output_text"):
        return text_part(text(field(value, "text")) or "")
    if kind in ("image_url", "video_url", "audio_url"):
        url = field(value, kind)
        return media(kind.removesuffix("_url"), text(url) or text(field(url, "url")) or "")
    if kind == "input_audio":
        audio = field(value, "input_audio")
        return blob("audio", f"audio/{text(field(audio, 'format')) or 'wav'}", text(field(audio, "data")) or "")
    if kind == "file":
        return _file(field(value, "file"))
    if kind == "refusal":
        return {"type": "refusal", "content": text(field(value, "refusal")) or ""}
    return {"type": kind}


def _file(file: Any) -> Part:
    if file_id := text(field(file, "file_id")):
        return {"type": "file", "modality": "document", "file_id": file_id}
    return media("document", text(field(file, "file_data")) or "data:,")


def _audio(audio: Any) -> Part:
    if data := text(field(audio, "data")):
        return {**blob("audio", None, data), "transcript": text(field(audio, "transcript"))}
    return {"type": "file", "modality": "audio", "file_id": text(field(audio, "id")) or ""}


def _plain_content(content: Any) -> Any:
    """Return a tool's result: its text, or its parts."""
    if isinstance(content, str):
        return parsed(content)
    return [_part(item) for item in items(content)] or None
