"""Interactions that the scenarios do not have: tools of Google's own, errors, the background, their first form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import spanbook
from clients.spans import Spans
from clients.trees import counted, departures
from fakes.provider import Provider
from fakes.replies import Fault, Reply
from spanbook import google_genai
from spanbook._gemini_interactions import Interactions

READER = Interactions()


@pytest.fixture
def traced() -> Iterator[None]:
    spanbook.google_genai.autolog()
    yield
    spanbook.google_genai.unlog()


def parts(*steps: dict[str, Any]) -> Any:
    (said,) = READER.response_content({"steps": list(steps)})["gen_ai.output.messages"]
    return said["parts"]


def test_a_tool_of_googles_own_and_a_picture_are_parts_and_what_was_asked_is_none() -> None:
    assert parts(
        {"type": "user_input", "content": [{"type": "text", "text": "Hi"}]},
        {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["tea"]}},
        {"type": "google_search_result", "call_id": "s1", "result": [{"title": "Tea"}]},
        {"type": "model_output", "content": [{"type": "image", "mime_type": "image/png", "data": "AAAA"}]},
    ) == [
        {
            "type": "server_tool_call",
            "name": "google_search",
            "id": "s1",
            "server_tool_call": {"type": "google_search", "arguments": {"queries": ["tea"]}},
        },
        {
            "type": "server_tool_call_response",
            "id": "s1",
            "server_tool_call_response": {"type": "google_search", "result": [{"title": "Tea"}]},
        },
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
    ]


def test_an_error_within_a_stream_is_one() -> None:
    begun = {"event_type": "interaction.created", "interaction": {"id": "i1", "status": "in_progress"}}
    error = {"event_type": "error", "error": {"code": "INTERNAL", "message": "no luck"}}
    told = READER.response(READER.join([begun, error]))
    assert (told["gen_ai.response.id"], told["error.type"], told["error.message"]) == ("i1", "INTERNAL", "no luck")
    assert told["gen_ai.response.finish_reasons"] == ["error"]


@pytest.mark.parametrize(("said", "total"), [(5, 12), (7, 12)])
def test_thoughts_are_output_whether_they_are_counted_with_it_or_beside_it(said: int, total: int) -> None:
    used = {"total_input_tokens": 5, "total_output_tokens": said, "total_thought_tokens": 2, "total_tokens": total}
    told = READER.response({"usage": used})
    assert told["gen_ai.usage.output_tokens"] == 7
    assert told["gen_ai.usage.reasoning.output_tokens"] == 2


def test_contents_and_turns_are_what_steps_were_before() -> None:
    turns = [
        {"role": "user", "content": "Weather?"},
        {"role": "model", "content": [{"type": "function_call", "id": "c1", "name": "look", "arguments": {"at": 1}}]},
        {"role": "user", "content": [{"type": "function_result", "call_id": "c1", "result": "clear"}]},
    ]
    asked = READER.request_content({"input": turns})["gen_ai.input.messages"]
    assert asked == [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "name": "look", "arguments": {"at": 1}, "id": "c1"}],
        },
        {"role": "user", "parts": [{"type": "tool_call_response", "response": "clear", "id": "c1"}]},
    ]
    answer = {
        "status": "completed",
        "outputs": [
            {"type": "thought", "summary": [{"type": "text", "text": "Hm."}]},
            {"type": "text", "text": "Sun."},
        ],
        "usage": {"total_input_tokens": 5, "total_output_tokens": 3, "total_reasoning_tokens": 2, "total_tokens": 10},
    }
    said = {
        "role": "assistant",
        "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Sun."}],
        "finish_reason": "stop",
    }
    assert READER.response_content(answer) == {"gen_ai.output.messages": [said]}
    assert READER.response(answer)["gen_ai.usage.reasoning.output_tokens"] == 2


def test_a_stream_of_contents_is_put_together() -> None:
    whole = {"id": "i1", "status": "completed", "model": "m"}
    thought = {"type": "thought_summary", "content": {"type": "text", "text": "Hm."}}
    call = {"type": "function_call", "id": "c1", "name": "look", "arguments": {"at": 1}}
    joined = READER.join(
        [
            {"event_type": "interaction.start", "interaction": {"id": "i1", "status": "in_progress"}},
            {"event_type": "content.start", "index": 0, "content": {"type": "thought"}},
            {"event_type": "content.delta", "index": 0, "delta": thought},
            {"event_type": "content.start", "index": 1, "content": {"type": "text", "text": ""}},
            {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "Let me "}},
            {"event_type": "content.delta", "index": 1, "delta": {"type": "text", "text": "look."}},
            {"event_type": "content.delta", "index": 2, "delta": call},
            {"event_type": "interaction.complete", "interaction": {**whole, "outputs": None}},
        ]
    )
    (said,) = READER.response_content(joined)["gen_ai.output.messages"]
    assert said["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Let me look."},
        {"type": "tool_call", "name": "look", "arguments": {"at": 1}, "id": "c1"},
    ]
    assert READER.response(joined)["gen_ai.response.finish_reasons"] == ["stop"]


@pytest.fixture
def client(fake: Provider, traced: None) -> Iterator[Any]:
    pytest.importorskip("google.genai.interactions", reason="no interactions yet")
    from google import genai

    with genai.Client(api_key="k", vertexai=False, http_options=genai.types.HttpOptions(base_url=fake.url)) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_asked_for_raw_is_read_when_the_application_reads_it(
    client: Any, spans: Spans, stream: bool
) -> None:
    asked = {"model": "m", "input": "Hi", **({"stream": True} if stream else {})}
    whole = client.interactions.create(**asked)
    parsed = client.interactions.with_raw_response.create(**asked).parse()
    with client.interactions.with_streaming_response.create(**asked) as response:
        b"".join(response.http_response.iter_bytes())
    taken = [list(each)[-1].interaction if stream else each for each in (whole, parsed)]
    assert [each.id for each in taken] == ["reply_1"] * 2
    assert [(span.attributes or {}).get("gen_ai.usage.input_tokens") for span in spans.ended] == [118] * 3


@pytest.mark.parametrize(
    ("options", "provider", "host"),
    [
        ({"api_key": "k", "vertexai": False}, "gcp.gemini", "generativelanguage.googleapis.com"),
        ({"vertexai": True, "project": "p", "location": "l"}, "gcp.vertex_ai", "l-aiplatform.googleapis.com"),
        ({"vertexai": True, "api_key": "k"}, "gcp.vertex_ai", "aiplatform.googleapis.com"),
    ],
)
def test_interactions_tell_whom_they_ask(options: dict[str, Any], provider: str, host: str) -> None:
    pytest.importorskip("google.genai._gaos", reason="they had a client of Stainless's")
    from google import genai
    from google.auth.credentials import AnonymousCredentials

    nobody: dict[str, Any] = {"credentials": AnonymousCredentials()} if "project" in options else {}  # type: ignore[no-untyped-call]
    told = google_genai._target_of_interactions(genai.Client(**options, **nobody).interactions)
    assert (told["gen_ai.provider.name"], told["server.address"]) == (provider, host)


def test_one_that_is_retried_tells_how_often(client: Any, fake: Provider, spans: Spans) -> None:
    fake.reply(Fault(429), Fault(503))
    client.interactions.create(model="m", input="Hi")
    assert len(fake.requests) == 3
    assert spans.attributes()["http.request.resend_count"] == 2
    assert departures("google_genai", spans.ended) == []


def test_what_the_application_retries_by_the_same_library_within_a_call_is_not_counted(
    fake: Provider, traced: None, spans: Spans
) -> None:
    import tenacity
    from google import genai

    tries = []

    @tenacity.retry(stop=tenacity.stop_after_attempt(3))
    def before_sending(request: Any) -> None:
        tries.append(request)
        assert len(tries) == 3

    options = genai.types.HttpOptions(base_url=fake.url, client_args={"event_hooks": {"request": [before_sending]}})
    with genai.Client(api_key="k", vertexai=False, http_options=options) as client:
        client.models.generate_content(model="m", contents="Hi")
    assert len(tries) == 3
    assert "http.request.resend_count" not in spans.attributes()


def test_one_that_goes_on_past_a_limit_is_a_call_for_each_request(client: Any, fake: Provider, spans: Spans) -> None:
    pytest.importorskip("google.genai._interactions_continuation", reason="none goes on by itself yet")

    def stopped(answer: Any) -> Any:
        return {**answer, "status": "requires_continuation", "continuation_token": "more"}

    fake.reply(Reply("Once upon", edit=stopped), Reply(" a time", id="reply_2"))
    answer = client.interactions.create(model="m", input="A tale.")
    assert answer.usage.total_input_tokens == 2 * 118
    assert [(span.attributes or {})["gen_ai.usage.input_tokens"] for span in counted(spans.ended)] == [118, 118]
    first, second = (dict(span.attributes or {}) for span in spans.ended)
    assert first["gen_ai.response.finish_reasons"] == ("length",)
    assert second["gen_ai.request.previous_response.id"] == first["gen_ai.response.id"] == "reply_1"
    assert departures("google_genai", spans.ended) == []


def test_one_that_goes_on_in_the_background_is_counted_by_the_first_fetch_that_finds_it_finished(
    client: Any, fake: Provider, spans: Spans
) -> None:
    def under_way(answer: Any) -> Any:
        return {"id": answer["id"], "status": "in_progress", "model": answer["model"]}

    fake.reply(Reply(edit=under_way), Reply(edit=under_way))
    client.interactions.create(model="m", input="A long tale.", background=True)
    for _ in range(3):
        client.interactions.get("reply_1")
    begun, waiting, found, again = spans.ended
    assert [span.name for span in counted(spans.ended)] == ["fetch_response"]
    assert [(span.attributes or {}).get("gen_ai.response.status") for span in (waiting, found, again)] == [
        "in_progress",
        "completed",
        "completed",
    ]
    assert counted([found]) == [found]
    assert "gen_ai.response.finish_reasons" not in (begun.attributes or {})
    assert departures("google_genai", spans.ended) == []
