"""A server of MCP's SDK and a client of it, in either of the SDK's two generations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import spanbook

SESSIONS = find_spec("mcp.shared.session") is not None
"""Before 2.0, a client was a session over two streams."""
MODES = ("legacy",) if SESSIONS else ("auto", "legacy")
"""How client and server may talk: with a handshake, or without."""

_exceptions = import_module("mcp.shared.exceptions")
Error: Any = _exceptions.McpError if SESSIONS else _exceptions.MCPError
_servers = import_module("mcp.server.fastmcp" if SESSIONS else "mcp.server.mcpserver")
Server: Any = _servers.FastMCP if SESSIONS else _servers.MCPServer
if TYPE_CHECKING:
    Context = Any
else:
    Context = _servers.Context


def weather_server() -> Any:
    server = Server("weather")

    @server.tool()
    def get_weather(city: str) -> str:
        """Say how the weather is."""
        with spanbook.start_span("lookup"):
            if city == "nowhere":
                raise ValueError("no such city")
            return f"sunny in {city}"

    @server.prompt()
    def ask(topic: str) -> str:
        return f"Tell me about {topic}"

    @server.resource("weather://today")
    def today() -> str:
        return "sunny"

    return server


def failed(result: Any) -> bool:
    """Whether a tool says that it failed."""
    return bool(result.isError if SESSIONS else result.is_error)


@asynccontextmanager
async def connected(server: Any, mode: str = MODES[0], **options: Any) -> AsyncIterator[Any]:
    """Connect a client to a server in this process, one that parameters of stdio or a URL name, or over a transport."""
    if SESSIONS:
        async with _session(server, options) as session:
            yield session
    else:
        async with import_module("mcp.client").Client(server, mode=mode, **options) as client:
            yield client


@asynccontextmanager
async def _session(server: Any, options: dict[str, Any]) -> AsyncIterator[Any]:
    if isinstance(server, Server):
        opened = import_module("mcp.shared.memory").create_connected_server_and_client_session
        async with opened(server._mcp_server, **options) as session:
            yield session
        return
    if isinstance(server, str):
        server = import_module("mcp.client.streamable_http").streamablehttp_client(server)
    elif not hasattr(server, "__aenter__"):
        server = import_module("mcp.client.stdio").stdio_client(server)
    async with (
        server as (read, write, *_),
        import_module("mcp").ClientSession(read, write, **options) as session,
    ):
        await session.initialize()
        yield session
