"""Entries of Mistral's conversations that the scenarios do not have: tools of Mistral's own, thoughts, errors."""

from __future__ import annotations

from typing import Any

from spanbook._mistral_conversations import Conversations

READER = Conversations()
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}


def streamed(*events: dict[str, Any]) -> Any:
    return READER.join([{"event": event["type"], "data": event} for event in events])


def test_a_tool_of_mistrals_own_and_a_thought_are_parts_and_a_hand_off_is_none() -> None:
    outputs = [
        {"type": "agent.handoff", "previous_agent_name": "desk", "next_agent_name": "expert"},
        {"type": "tool.execution", "id": "t1", "name": "web_search", "arguments": '{"query":"tea"}', "info": None},
        {"type": "message.output", "content": [THOUGHT, {"type": "text", "text": "Green."}], "model": "m"},
    ]
    (said,) = READER.response_content({"outputs": outputs})["gen_ai.output.messages"]
    call = {"type": "web_search", "arguments": {"query": "tea"}}
    assert said["parts"] == [
        {"type": "server_tool_call", "name": "web_search", "id": "t1", "server_tool_call": call},
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Green."},
    ]


def test_a_stream_comes_to_the_same_entries() -> None:
    joined = streamed(
        {"type": "conversation.response.started", "conversation_id": "conv_1"},
        {"type": "tool.execution.started", "id": "t1", "name": "web_search", "arguments": '{"query":'},
        {"type": "tool.execution.delta", "id": "t1", "name": "web_search", "arguments": '"tea"}'},
        {"type": "tool.execution.done", "id": "t1", "name": "web_search"},
        {"type": "message.output.delta", "id": "m1", "content": THOUGHT, "model": "m"},
        {"type": "message.output.delta", "id": "m1", "content": "Gre", "model": "m"},
        {"type": "message.output.delta", "id": "m1", "content": "en.", "model": "m"},
        {"type": "conversation.response.done", "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    )
    told = READER.response(joined)
    assert (told["gen_ai.conversation.id"], told["gen_ai.response.model"]) == ("conv_1", "m")
    assert told["gen_ai.usage.input_tokens"] == 3
    (said,) = READER.response_content(joined)["gen_ai.output.messages"]
    assert [part["type"] for part in said["parts"]] == ["server_tool_call", "reasoning", "text"]
    assert said["parts"][0]["server_tool_call"]["arguments"] == {"query": "tea"}
    assert said["parts"][2]["content"] == "Green."


def test_an_error_within_a_stream_is_one() -> None:
    told = READER.response(streamed({"type": "conversation.response.error", "code": 3000, "message": "too much"}))
    assert (told["error.type"], told["error.message"]) == ("3000", "too much")
