"""The client metrics of the conventions, on a switch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from opentelemetry.metrics import Counter, Histogram, Meter

from spanbook_schemas import gen_ai

from . import _provider

_SECONDS = tuple(0.01 * 2**power for power in range(14))
_AGENT_SECONDS = tuple(0.1 * 2**power for power in range(13))
_MCP_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_TOKENS = tuple(4**power for power in range(14))
_INFERENCE = (gen_ai.CHAT, gen_ai.GENERATE_CONTENT, gen_ai.TEXT_COMPLETION)
_DIMENSIONS = (
    gen_ai.OPERATION_NAME,
    gen_ai.PROVIDER_NAME,
    gen_ai.REQUEST_MODEL,
    gen_ai.RESPONSE_MODEL,
    gen_ai.SERVER_ADDRESS,
    gen_ai.SERVER_PORT,
)
_MCP_DIMENSIONS = (
    gen_ai.MCP_METHOD_NAME,
    gen_ai.MCP_PROTOCOL_VERSION,
    gen_ai.OPERATION_NAME,
    gen_ai.TOOL_NAME,
    gen_ai.PROMPT_NAME,
    gen_ai.NETWORK_TRANSPORT,
    gen_ai.NETWORK_PROTOCOL_NAME,
    gen_ai.NETWORK_PROTOCOL_VERSION,
    gen_ai.SERVER_ADDRESS,
    gen_ai.SERVER_PORT,
    gen_ai.RPC_RESPONSE_STATUS_CODE,
    gen_ai.ERROR_TYPE,
)
# Operations that are not calls to a model: their metric, its boundaries and its dimensions
_OTHERS = {
    gen_ai.EXECUTE_TOOL: (gen_ai.TOOL_DURATION, _SECONDS, (gen_ai.TOOL_NAME, gen_ai.TOOL_TYPE, gen_ai.AGENT_NAME)),
    gen_ai.INVOKE_AGENT: (gen_ai.AGENT_DURATION, _AGENT_SECONDS, (gen_ai.OPERATION_NAME, gen_ai.AGENT_NAME)),
    gen_ai.INVOKE_WORKFLOW: (gen_ai.AGENT_DURATION, _AGENT_SECONDS, (gen_ai.OPERATION_NAME, gen_ai.AGENT_NAME)),
}


def record(
    operation: str, attributes: Mapping[str, Any], seconds: float, chunk_times: list[int], *, served: bool = False
) -> None:
    """Record one operation that took *seconds*; *chunk_times* are nanoseconds on the call's clock.

    *served*: this process answered a request that came from elsewhere.
    """
    meter = _provider.meter()
    if gen_ai.MCP_METHOD_NAME in attributes:
        name = gen_ai.MCP_SERVER_DURATION if served else gen_ai.MCP_CLIENT_DURATION
        _histogram(meter, name, "s", _MCP_SECONDS).record(seconds, _of(attributes, _MCP_DIMENSIONS))
        return
    if operation in _OTHERS:
        name, boundaries, dimensions = _OTHERS[operation]
        _histogram(meter, name, "s", boundaries).record(seconds, _of(attributes, (*dimensions, gen_ai.ERROR_TYPE)))
        return
    shared = _of(attributes, _DIMENSIONS)
    failed = _of(attributes, (gen_ai.ERROR_TYPE,))
    if operation not in _INFERENCE:
        if operation:
            _histogram(meter, gen_ai.OPERATION_DURATION, "s", _SECONDS).record(seconds, {**shared, **failed})
        return
    _histogram(meter, gen_ai.INFERENCE_DURATION, "s", _SECONDS).record(seconds, {**shared, **failed})
    first = attributes.get(gen_ai.RESPONSE_TIME_TO_FIRST_CHUNK)
    if first is not None:
        _histogram(meter, gen_ai.INFERENCE_TIME_TO_FIRST_CHUNK, "s", _SECONDS).record(first, shared)
    between = _histogram(meter, gen_ai.INFERENCE_TIME_PER_OUTPUT_CHUNK, "s", _SECONDS)
    for earlier, later in pairwise(chunk_times):
        between.record((later - earlier) / 1e9, shared)
    _record_tokens(meter, attributes, shared, failed)


def _record_tokens(meter: Meter, attributes: Mapping[str, Any], shared: dict[str, Any], failed: dict[str, Any]) -> None:
    for name, attribute in (
        (gen_ai.INFERENCE_INPUT_TOKENS, gen_ai.USAGE_INPUT_TOKENS),
        (gen_ai.INFERENCE_OUTPUT_TOKENS, gen_ai.USAGE_OUTPUT_TOKENS),
    ):
        if (count := attributes.get(attribute)) is not None:
            _histogram(meter, name, "{token}", _TOKENS).record(count, {**shared, **failed})
    for name, attribute in gen_ai.INFERENCE_USAGE.items():
        count = attributes.get(attribute)
        if count is not None or attribute in (gen_ai.USAGE_INPUT_TOKENS, gen_ai.USAGE_OUTPUT_TOKENS):
            counter = _counter(meter, name)
            for modality, share in _shares(attributes, attribute, count or 0).items():
                counter.add(share, {**shared, gen_ai.TOKEN_MODALITY: modality})


def _shares(attributes: Mapping[str, Any], attribute: str, count: int) -> dict[str, int]:
    """Return how many of *count* tokens were text, image and audio; few providers tell, so the rest is unknown."""
    parts = gen_ai.USAGE_BY_MODALITY.get(attribute, {})
    shares = {modality: share for modality, name in parts.items() if (share := attributes.get(name) or 0) > 0}
    rest = count - sum(shares.values())
    return {**shares, "unknown": rest} if rest > 0 or not shares else shares


def _of(attributes: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := attributes.get(name)) is not None}


@lru_cache(maxsize=64)
def _histogram(meter: Meter, name: str, unit: str, boundaries: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(name, unit=unit, explicit_bucket_boundaries_advisory=boundaries)


@lru_cache(maxsize=64)
def _counter(meter: Meter, name: str) -> Counter:
    return meter.create_counter(name, unit="{token}")
