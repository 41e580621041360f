"""The baseline: what a careful developer writes by hand round one OpenAI call, with the attributes and the content JSON
that autolog records. No stream helpers, no error paths, no other endpoints."""

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    parts = []
    for part in content:
        if part["type"] == "text":
            parts.append({"type": "text", "content": part["text"]})
        else:
            url = part["image_url"]["url"]
            size = (len(url) - len("data:image/png;base64,")) * 3 // 4
            parts.append(
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "", "byte_size": size}
            )
    return parts


def _request(client: openai.OpenAI, body: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": body["model"],
        "server.address": client.base_url.host,
        "server.port": client.base_url.port or 443,
        "openai.api.type": "chat_completions",
        "gen_ai.request.temperature": float(body["temperature"]),
        "gen_ai.request.max_tokens": body["max_completion_tokens"],
    }
    if body.get("stream"):
        attributes["gen_ai.request.stream"] = True
    return attributes


def _asked(body: dict[str, Any]) -> dict[str, Any]:
    asked = {
        "gen_ai.input.messages": _dump([{"role": m["role"], "parts": _parts(m["content"])} for m in body["messages"]]),
    }
    if tools := body.get("tools"):
        asked["gen_ai.tool.definitions"] = _dump([{"type": "function", **tool["function"]} for tool in tools])
    return asked


def _answered(response: Any) -> dict[str, Any]:
    usage, choice = response.usage, response.choices[0]
    return {
        "gen_ai.response.id": response.id,
        "gen_ai.response.model": response.model,
        "gen_ai.response.finish_reasons": [choice.finish_reason],
        "openai.response.service_tier": response.service_tier,
        "openai.response.system_fingerprint": response.system_fingerprint,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.prompt_tokens_details.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.completion_tokens_details.reasoning_tokens,
        "gen_ai.output.messages": _dump(
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": choice.message.content}],
                    "finish_reason": choice.finish_reason,
                }
            ]
        ),
    }


def chat(tracer: Tracer, client: openai.OpenAI, **body: Any) -> Any:
    """Make one call."""
    with tracer.start_as_current_span(
        f"chat {body['model']}", kind=SpanKind.CLIENT, attributes=_request(client, body)
    ) as span:
        span.set_attributes(_asked(body))
        response = client.chat.completions.create(**body)
        span.set_attributes(_answered(response))
        return response


def stream(tracer: Tracer, client: openai.OpenAI, **body: Any) -> Iterator[Any]:
    """Make one streamed call."""
    started = time.perf_counter()
    span = tracer.start_span(f"chat {body['model']}", kind=SpanKind.CLIENT, attributes=_request(client, body))
    span.set_attributes(_asked(body))
    token = otel_context.attach(set_span_in_context(span))
    try:
        chunks = client.chat.completions.create(**body)
    finally:
        otel_context.detach(token)
    first, texts, reason, usage = 0.0, [], None, None
    last: Any = None
    for chunk in chunks:
        if last is None:
            first = time.perf_counter() - started
        if chunk.choices:
            choice = chunk.choices[0]
            if choice.delta.content:
                texts.append(choice.delta.content)
            if choice.finish_reason:
                reason = choice.finish_reason
        if chunk.usage:
            usage = chunk.usage
        last = chunk
        yield chunk
    answer = {
        "gen_ai.response.id": last.id,
        "gen_ai.response.model": last.model,
        "gen_ai.response.finish_reasons": [reason],
        "gen_ai.response.time_to_first_chunk": first,
        "openai.response.service_tier": last.service_tier,
        "openai.response.system_fingerprint": last.system_fingerprint,
        "gen_ai.output.messages": _dump(
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "".join(texts)}],
                    "finish_reason": reason,
                }
            ]
        ),
    }
    if usage:
        answer["gen_ai.usage.input_tokens"] = usage.prompt_tokens
        answer["gen_ai.usage.output_tokens"] = usage.completion_tokens
        answer["gen_ai.usage.cache_read.input_tokens"] = usage.prompt_tokens_details.cached_tokens
        answer["gen_ai.usage.reasoning.output_tokens"] = usage.completion_tokens_details.reasoning_tokens
    span.set_attributes(answer)
    span.end()
