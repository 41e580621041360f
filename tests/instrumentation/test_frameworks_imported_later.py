"""`autolog()` comes first in many applications: frameworks that are imported afterwards are traced all the same."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHECK = """
import spanbook
from clients.spans import Spans
from spanbook import _provider

recorded = Spans()
_provider.use(recorded.provider)
spanbook.autolog()
{application}
for span in recorded.ended:
    print(span.name)
"""

APPLICATIONS = {
    "invoke_workflow shout": """
from langchain_core.runnables import RunnableLambda
def shout(text): return text.upper()
RunnableLambda(shout).invoke("hi")
""",
    "invoke_workflow essay": """
from agents import set_trace_processors, trace
set_trace_processors([])
with trace("essay"):
    pass
""",
    "execute_tool answer": """
from llama_index.core.tools import FunctionTool
def answer() -> str:
    return "42"
FunctionTool.from_defaults(answer).call()
""",
    "invoke_agent plain": """
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
Agent(TestModel(), name="plain").run_sync("hi")
""",
    "tools/call answer": """
import asyncio
from clients.mcp_sides import Server, connected
server = Server("one")
@server.tool()
def answer() -> str:
    return "42"
async def main():
    async with connected(server) as client:
        await client.call_tool("answer")
asyncio.run(main())
""",
}


@pytest.mark.parametrize("operation", APPLICATIONS)
def test_a_framework_that_is_imported_later_is_traced(operation: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CHECK.format(application=APPLICATIONS[operation])],
        env={**os.environ, "SPANBOOK_RAISE_ERRORS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert operation in told.stdout.splitlines(), told.stderr[-2000:]
    assert "could not be recorded" not in told.stderr
