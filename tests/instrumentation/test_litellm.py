"""Messages that LiteLLM hands on as the bytes of a stream, in the pieces in which they came."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spanbook._messages import Messages
from spanbook.litellm import _READERS

MESSAGES = _READERS["litellm"]["anthropic_messages"]
BEGUN = {"id": "msg_1", "model": "m", "role": "assistant", "usage": {"input_tokens": 3, "output_tokens": 1}}
STREAM: list[dict[str, Any]] = [
    {"type": "message_start", "message": BEGUN},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüß "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Gott"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


def sent(events: list[dict[str, Any]]) -> bytes:
    told = (f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return "".join(told).encode()


@given(st.lists(st.integers(0, len(sent(STREAM)))))
def test_a_stream_is_read_alike_wherever_its_bytes_were_cut(cuts: list[int]) -> None:
    whole, edges = sent(STREAM), [0, *sorted(cuts), None]
    pieces = [whole[start:end] for start, end in pairwise(edges)]
    assert MESSAGES.join(pieces) == Messages().join(STREAM)


@given(st.integers(0, len(STREAM)), st.integers(0, 20))
def test_of_a_stream_that_stops_what_was_whole_is_read(count: int, more: int) -> None:
    seen = sent(STREAM[:count])
    rest = sent(STREAM)[len(seen) :][:more]
    assert MESSAGES.join([seen, rest]) == Messages().join(STREAM[:count])


def test_an_error_in_a_stream_is_told_with_what_came_before() -> None:
    wrong = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    read = MESSAGES.response(MESSAGES.join([sent([*STREAM[:4], wrong])]))
    assert (read["error.type"], read["error.message"]) == ("overloaded_error", "Overloaded")
    assert read["gen_ai.response.id"] == "msg_1"
