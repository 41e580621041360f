"""The examples run as they stand, and what they did is in SQL."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.provider import Provider
from fakes.replies import Reply, Usage
from reading.pages import ROOT
from running.collector import Collector, free_ports

ANSWER, USED = Reply().text, Usage()
"""What the fake model says, and the tokens it counts."""


@pytest.fixture(scope="module")
def surrounded(collector: Collector, surroundings: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The environment of an example: a collector, and the fake provider in the place of every other."""
    with Provider() as fake:
        yield {
            **surroundings,
            "OPENAI_BASE_URL": f"{fake.url}/v1",
            "ANTHROPIC_BASE_URL": fake.url,
            "ANTHROPIC_API_KEY": "none",
            "USER": "ann",
        }


def example(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "examples" / name), *arguments]


def ran(command: list[str], environment: Mapping[str, str], directory: Path, said: str = "") -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=directory,
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@contextmanager
def serving(command: list[str], environment: Mapping[str, str], url: str) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/docs", timeout=10).close()
                break
            except OSError:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.1)
        yield
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert errors == ""


def post(url: str, value: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(value).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def settled(collector: Collector, sql: str, expected: list[list[Any]], **parameters: Any) -> None:
    """Wait until a query has its rows; derived ones follow their spans within seconds."""
    try:
        collector.wait_until(lambda: collector.query(sql, **parameters) == expected, "in SQL", seconds=30)
    except TimeoutError:
        assert collector.query(sql, **parameters) == expected


def test_a_chat_is_a_session_with_a_thumb_on_its_last_turn(
    collector: Collector, surrounded: Mapping[str, str], tmp_path: Path
) -> None:
    said = ran(example("chat.py"), surrounded, tmp_path, "What is a span?\nAnd a trace?\n\n")
    assert said.count(ANSWER) == 2
    settled(
        collector,
        "SELECT name, JSONExtractString(input), JSONExtractString(output), status, llm_call_count, user_id,"
        " startsWith(session_id, 'chat-') FROM traces WHERE experiment_name = 'chat' ORDER BY start_time",
        [
            ["turn", "What is a span?", ANSWER, "OK", 1, "ann", 1],
            ["turn", "And a trace?", ANSWER, "OK", 1, "ann", 1],
        ],
    )
    settled(
        collector,
        "SELECT provider, request_model, input_tokens, output_tokens, finish_reasons, status"
        " FROM llm_calls WHERE trace_id IN (SELECT trace_id FROM traces WHERE experiment_name = 'chat')",
        [["openai", "gpt-4o-mini", USED.input, USED.output, ["stop"], "OK"]] * 2,
    )
    settled(
        collector,
        "SELECT f.name, f.value, f.source_type, f.source_id, JSONExtractString(t.input) FROM feedback AS f"
        " JOIN traces AS t ON t.trace_id = f.trace_id WHERE t.experiment_name = 'chat'",
        [["thumb", "true", "HUMAN", "ann", "And a trace?"]],
    )


def test_a_streaming_agent_is_an_agent_with_its_model_calls_and_its_tool(
    collector: Collector, surrounded: Mapping[str, str], tmp_path: Path
) -> None:
    assert ANSWER in ran(example("streaming_agent.py", "Rain in Oslo?"), surrounded, tmp_path)
    of_it = "IN (SELECT trace_id FROM traces WHERE experiment_name = 'streaming agent')"
    settled(
        collector,
        "SELECT name, status, llm_call_count, tool_call_count, error_count FROM traces"
        " WHERE experiment_name = 'streaming agent'",
        [["invoke_agent weather", "OK", 2, 1, 0]],
    )
    settled(
        collector,
        "SELECT provider, request_model, finish_reasons, time_to_first_token_ms > 0, status"
        f" FROM llm_calls WHERE trace_id {of_it} ORDER BY start_time",
        [
            ["anthropic", "claude-haiku-4-5", ["tool_calls"], 1, "OK"],
            ["anthropic", "claude-haiku-4-5", ["stop"], 1, "OK"],
        ],
    )
    settled(
        collector,
        f"SELECT name, JSONExtractString(arguments, 'city'), JSONExtractInt(result, 'celsius') FROM tool_calls"
        f" WHERE trace_id {of_it}",
        [["forecast", "Paris", 7]],
    )


def test_an_answer_from_documents_tells_what_was_found(
    collector: Collector, surrounded: Mapping[str, str], tmp_path: Path
) -> None:
    assert ANSWER in ran(example("rag.py", "What is a span?"), surrounded, tmp_path)
    of_it = "IN (SELECT trace_id FROM traces WHERE experiment_name = 'rag' AND name = 'answer')"
    settled(collector, f"SELECT query, document_count FROM retrievals WHERE trace_id {of_it}", [["What is a span?", 2]])
    settled(
        collector,
        f"SELECT operation, status FROM llm_calls WHERE trace_id {of_it} ORDER BY start_time",
        [["embeddings", "OK"], ["chat", "OK"]],
    )
    settled(
        collector,
        f"SELECT name, value, source_type, rationale FROM feedback WHERE trace_id {of_it}",
        [["short", "true", "CODE", f"{len(ANSWER)} characters"]],
    )


def test_a_graphs_model_calls_are_one_span_each(
    collector: Collector, surrounded: Mapping[str, str], tmp_path: Path
) -> None:
    assert ANSWER in ran(example("research_graph.py", "the moon"), surrounded, tmp_path)
    settled(
        collector,
        "SELECT status, llm_call_count, tool_call_count, input_tokens FROM traces"
        " WHERE experiment_name = 'research graph'",
        [["OK", 2, 1, 2 * USED.input]],
    )
    of_it = "IN (SELECT trace_id FROM traces WHERE experiment_name = 'research graph')"
    settled(
        collector,
        f"SELECT name, JSONExtractString(arguments, 'text') FROM tool_calls WHERE trace_id {of_it}",
        [["count_words", ANSWER]],
    )


def test_a_services_requests_are_traces_of_their_sessions(collector: Collector, surrounded: Mapping[str, str]) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with serving(example("chat_service.py"), {**surrounded, "PORT": str(port)}, url):
        asked = [("s1", "ann"), ("s1", "ann"), ("s2", "bob")]
        answers = [post(f"{url}/chat", {"session": one, "user": who, "text": "Hi"}) for one, who in asked]
        post(f"{url}/thumb", {"trace_id": answers[0]["trace_id"], "user": "ann", "up": False, "why": "too short"})
    assert {answer["text"] for answer in answers} == {ANSWER}
    settled(
        collector,
        "SELECT session_id, user_id, name, llm_call_count FROM traces WHERE experiment_name = 'chat service'"
        " AND llm_call_count > 0 ORDER BY start_time",
        [["s1", "ann", "POST /chat", 1], ["s1", "ann", "POST /chat", 1], ["s2", "bob", "POST /chat", 1]],
    )
    settled(
        collector,
        "SELECT name, value, rationale, source_id FROM feedback WHERE trace_id = {trace:String}",
        [["thumb", "false", "too short", "ann"]],
        trace=answers[0]["trace_id"],
    )
