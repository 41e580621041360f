"""Two agents of OpenAI's Agents SDK: a desk that hands over, and an expert with a tool.

OPENAI_API_KEY=… python examples/travel_agents.py "How is Paris?", against `spanbook serve`.
"""

import os
import sys

from agents import Agent, RunConfig, Runner, function_tool, set_trace_processors

import spanbook

MODEL = os.environ.get("MODEL", "gpt-4o-mini")


@function_tool
def get_weather(city: str) -> str:
    """Say how the weather is in a city."""
    return f"sunny in {city}"


def desk() -> Agent[None]:
    expert = Agent(name="weather expert", instructions="Answer with the tool.", tools=[get_weather], model=MODEL)
    return Agent(name="travel desk", instructions="Hand over to who knows.", handoffs=[expert], model=MODEL)


def main() -> None:
    set_trace_processors([])  # nothing goes to OpenAI's own traces
    spanbook.openai_agents.autolog()
    spanbook.openai.autolog()  # a call is one span, though the agents make it with OpenAI's SDK
    spanbook.set_experiment("travel agents")
    question = sys.argv[1] if len(sys.argv) > 1 else "How is Paris?"
    settings = RunConfig(workflow_name="travel", group_id="trip-1")
    print(Runner.run_sync(desk(), question, run_config=settings).final_output)
    print('spanbook sql "SELECT caller, callee, calls FROM agent_edges"')


if __name__ == "__main__":
    main()
