"""Agents that hand over: the example runs as it stands, and its facts are in SQL."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from fakes.provider import Provider
from fakes.replies import Reply, ToolCall, Usage
from reading.pages import ROOT
from running.collector import Collector


def test_agents_that_hand_over_are_one_trace_with_their_calls_tools_and_conversation(
    collector: Collector, surroundings: Mapping[str, str], tmp_path: Path
) -> None:
    with Provider() as fake:
        fake.reply(
            Reply(text="", tool_calls=(ToolCall("transfer_to_weather_expert", {}, "h"),)),
            Reply(text="", tool_calls=(ToolCall("get_weather", {"city": "Paris"}, "w"),)),
            Reply(text="It is sunny."),
        )
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "travel_agents.py"), "How is Paris?"],
            env={**surroundings, "OPENAI_BASE_URL": f"{fake.url}/v1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "It is sunny."
    facts = (
        "SELECT name, session_id, status, llm_call_count, tool_call_count, input_tokens FROM traces"
        " WHERE experiment_name = 'travel agents'"
    )
    wanted = [["invoke_workflow travel", "trip-1", "OK", 3, 1, 3 * Usage().input]]
    collector.wait_until(lambda: collector.query(facts) == wanted, "in SQL")
    of_it = "trace_id IN (SELECT trace_id FROM traces WHERE experiment_name = 'travel agents')"
    tools = collector.query(f"SELECT name, call_id, agent_name, result FROM tool_calls WHERE {of_it}")
    assert tools == [["get_weather", "w", "weather expert", "sunny in Paris"]]
    agents = collector.query(f"SELECT agent_name FROM spans WHERE type = 'agent' AND {of_it} ORDER BY start_time")
    assert agents == [["travel desk"], ["weather expert"]]
    spoken = collector.query(
        f"SELECT count() FROM llm_calls WHERE {of_it} AND output_messages LIKE '%It is sunny.%' AND input_tokens > 0"
    )
    assert spoken == [[1]]
