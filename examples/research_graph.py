"""A graph of LangGraph: a model that plans, a tool that counts, a model that writes; each node a span.

OPENAI_API_KEY=… python examples/research_graph.py "the moon", against `spanbook serve`.
"""

import os
import sys

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

import spanbook

MODEL = os.environ.get("MODEL", "gpt-4o-mini")


class State(TypedDict):
    topic: str
    plan: str
    words: int
    text: str


@tool
def count_words(text: str) -> int:
    """How many words a text has."""
    return len(text.split())


def graph(model: ChatOpenAI) -> "CompiledStateGraph[State, None, State, State]":
    def plan(state: State) -> dict[str, str]:
        return {"plan": str(model.invoke(f"Plan a paragraph on {state['topic']}.").content)}

    def measure(state: State) -> dict[str, int]:
        return {"words": count_words.invoke({"text": state["plan"]})}

    def write(state: State) -> dict[str, str]:
        return {"text": str(model.invoke(f"Write it in {state['words']} words: {state['plan']}").content)}

    building = StateGraph(State)
    for name, node in (("plan", plan), ("measure", measure), ("write", write)):
        building.add_node(name, node)
    building.add_edge(START, "plan")
    building.add_edge("plan", "measure")
    building.add_edge("measure", "write")
    building.add_edge("write", END)
    return building.compile(name="research")


def main() -> None:
    spanbook.langchain.autolog()
    spanbook.openai.autolog()  # a call is one span, though LangChain makes it with OpenAI's SDK
    spanbook.set_experiment("research graph")
    topic = sys.argv[1] if len(sys.argv) > 1 else "the moon"
    print(graph(ChatOpenAI(model=MODEL)).invoke({"topic": topic, "plan": "", "words": 0, "text": ""})["text"])
    print('spanbook sql "SELECT name, type, duration_ms FROM spans ORDER BY start_time DESC LIMIT 10"')


if __name__ == "__main__":
    main()
