"""An agent that streams its answers and looks up the weather: model calls and tool calls under one agent.

ANTHROPIC_API_KEY=… python examples/streaming_agent.py "Rain in Oslo?", against `spanbook serve`.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

from anthropic import Anthropic
from anthropic.types import MessageParam, ToolParam, ToolResultBlockParam

import spanbook

MODEL = os.environ.get("MODEL", "claude-haiku-4-5")
SCHEMA: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OFFERED: list[ToolParam] = [
    {"name": "forecast", "description": "Tomorrow's weather in a city", "input_schema": SCHEMA},
]


@spanbook.tool
def forecast(city: str) -> dict[str, Any]:
    return {"city": city, "rain": 0.8, "celsius": 7}


TOOLS: dict[str, Callable[..., Any]] = {"forecast": forecast}


@spanbook.agent(name="weather")
def answer(client: Anthropic, question: str) -> str:
    """Let the model speak, and call the tools it asks for, until it asks for none."""
    messages: list[MessageParam] = [{"role": "user", "content": question}]
    while True:
        with client.messages.stream(model=MODEL, max_tokens=500, messages=messages, tools=OFFERED) as stream:
            for text in stream.text_stream:
                print(text, end="", flush=True)
            said = stream.get_final_message()
        results: list[ToolResultBlockParam] = [
            {"type": "tool_result", "tool_use_id": block.id, "content": str(TOOLS[block.name](**block.input))}
            for block in said.content
            if block.type == "tool_use"
        ]
        if not results:
            print()
            return "".join(block.text for block in said.content if block.type == "text")
        messages.append({"role": "assistant", "content": said.content})
        messages.append({"role": "user", "content": results})


def main() -> None:
    spanbook.anthropic.autolog()
    spanbook.set_experiment("streaming agent")
    answer(Anthropic(), sys.argv[1] if len(sys.argv) > 1 else "Will it rain in Oslo tomorrow?")
    print('spanbook sql "SELECT name, arguments, result FROM tool_calls ORDER BY start_time DESC LIMIT 5"')


if __name__ == "__main__":
    main()
