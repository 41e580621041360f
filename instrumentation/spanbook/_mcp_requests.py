"""One MCP request and its span, on the side that sends it or on the side that serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, get_current_span

from spanbook_schemas import gen_ai

from ._call import Call
from ._content import plain, redacted_text
from ._fields import field, items, text
from ._guard import harmless
from ._mcp_connections import UNKNOWN, Connection, apart, served_over
from ._readers import Attributes

NOTHING: Span = INVALID_SPAN
"""What stands in for a span of the SDK's own."""
VERSION_HEADER = "mcp-protocol-version"
VERSION_META = "io.modelcontextprotocol/protocolVersion"

_CALL_TOOL = "tools/call"
_GET_PROMPT = "prompts/get"
_INVALID_PARAMS = "-32602"


class Request:
    """A request that is under way."""

    def __init__(
        self, call: Call, method: str, connection: Connection = UNKNOWN, covered_by: Span | None = None
    ) -> None:
        self.call = call
        self._method = method
        self._connection = connection
        self._covering = covered_by

    def numbered(self, number: Any) -> None:
        """Take the request's id, which is given just before it is sent."""
        self._set({gen_ai.JSONRPC_REQUEST_ID: None if number is None else str(number)})

    def finish(self, result: Any) -> None:
        """End with a result; a tool's may say that it failed, and a session may have begun with it."""
        self._set({gen_ai.MCP_SESSION_ID: self._connection.session_id})
        if self._method == _CALL_TOOL:
            captured = self._covering is None and self.call.captures_content
            failed = field(result, "isError") is True or field(result, "is_error") is True
            self._set(
                {
                    gen_ai.TOOL_CALL_RESULT: _result(result) if captured else None,
                    gen_ai.ERROR_TYPE: "tool_error" if failed else None,
                }
            )
        self.call.finish()

    def fail(self, error: BaseException) -> None:
        """End with an error: the peer's has a code, and so has what the SDK refuses."""
        told = field(error, "error")
        code = field(told, "code")
        if code is None and type(error).__name__ == "ValidationError":
            code, told = _INVALID_PARAMS, {"message": "Invalid request parameters"}  # its message quotes the input
        if code is None:
            self.call.fail(error)
        else:
            self.refuse(code, text(field(told, "message")))

    def refuse(self, code: int | str, message: str | None) -> None:
        """End with the code of a JSON-RPC error."""
        self._set(
            {
                gen_ai.ERROR_TYPE: str(code),
                gen_ai.RPC_RESPONSE_STATUS_CODE: str(code),
                gen_ai.ERROR_MESSAGE: message,
            }
        )
        self.call.finish()

    def _set(self, attributes: Attributes) -> None:
        found = {name: value for name, value in attributes.items() if value is not None}
        if self._covering is None:
            self.call.set(found)
            return
        message = redacted_text(gen_ai.ERROR_MESSAGE, found.pop(gen_ai.ERROR_MESSAGE, ""))
        self._covering.set_attributes(found)
        if gen_ai.ERROR_TYPE in found:
            self._covering.set_status(Status(StatusCode.ERROR, message))


async def within(
    request: Request, proceed: Callable[[], Awaitable[Any]], finish: Callable[[Any], None] | None = None
) -> Any:
    """Proceed with the request current; *finish* ends it where what comes back is not its result."""
    call = request.call
    call.attach()
    try:
        result = await proceed()
    except BaseException as error:
        harmless(request.fail, error)
        raise
    finally:
        call.detach()
    harmless(finish or request.finish, result)
    return result


def sent(method: str, params: Any, version: str | None, connection: Connection) -> Request:
    """Open the span of a request that leaves, or add to the span of the tool call that it serves."""
    attributes = _described(method, params) | connection.network | connection.server
    attributes[gen_ai.MCP_PROTOCOL_VERSION] = version
    attributes[gen_ai.MCP_SESSION_ID] = connection.session_id
    found = {name: value for name, value in attributes.items() if value is not None}
    covering = get_current_span()
    if method == _CALL_TOOL and _covers(covering, found.get(gen_ai.TOOL_NAME)):
        covering.set_attributes({name: value for name, value in found.items() if not name.startswith("gen_ai.")})
        return Request(Call("", {}, owner=_Covered()), method, connection, covering)
    call = Call("", found, name=_name(found), kind=SpanKind.CLIENT)
    if method == _CALL_TOOL:
        call.set({gen_ai.TOOL_CALL_ARGUMENTS: field(params, "arguments")})
    return Request(call, method, connection)


def received(
    method: str,
    params: Any,
    *,
    number: Any,
    version: str | None,
    meta: Any,
    http: Any,
    connection: Connection = UNKNOWN,
    otherwise: Context | None = None,
) -> Request:
    """Open the span of a message that came, below the sender's, or else in the context *otherwise*."""
    network = connection.network or served_over().network
    attributes = _described(method, params) | network
    attributes[gen_ai.MCP_PROTOCOL_VERSION] = version
    attributes[gen_ai.MCP_SESSION_ID] = connection.session_id
    if number is not None:
        attributes[gen_ai.JSONRPC_REQUEST_ID] = str(number)
    if http is not None:
        attributes |= _over_http(http)
    found = {name: value for name, value in attributes.items() if value is not None}
    call = Call("", found, name=_name(found), kind=SpanKind.SERVER, parent=_sender(meta) or otherwise)
    call.context = apart(call.context)
    if method == _CALL_TOOL:
        call.set({gen_ai.TOOL_CALL_ARGUMENTS: field(params, "arguments")})
    return Request(call, method)


def _described(method: str, params: Any) -> Attributes:
    attributes: Attributes = {gen_ai.MCP_METHOD_NAME: method}
    if method == _CALL_TOOL:
        attributes[gen_ai.OPERATION_NAME] = gen_ai.EXECUTE_TOOL
        attributes[gen_ai.TOOL_NAME] = text(field(params, "name"))
    elif method == _GET_PROMPT:
        attributes[gen_ai.PROMPT_NAME] = text(field(params, "name"))
    elif (uri := field(params, "uri")) is not None:
        attributes[gen_ai.MCP_RESOURCE_URI] = str(uri)
    return attributes


def _name(attributes: Attributes) -> str:
    subject = attributes.get(gen_ai.TOOL_NAME) or attributes.get(gen_ai.PROMPT_NAME)
    return f"{attributes[gen_ai.MCP_METHOD_NAME]} {subject}" if subject else attributes[gen_ai.MCP_METHOD_NAME]


def _over_http(request: Any) -> Attributes:
    client = field(request, "client")
    return {
        gen_ai.NETWORK_TRANSPORT: "tcp",
        gen_ai.NETWORK_PROTOCOL_NAME: "http",
        gen_ai.NETWORK_PROTOCOL_VERSION: text(field(request.scope, "http_version")),
        gen_ai.MCP_SESSION_ID: text(request.headers.get("mcp-session-id")),
        gen_ai.CLIENT_ADDRESS: text(field(client, "host")),
        gen_ai.CLIENT_PORT: field(client, "port"),
    }


def _covers(span: Span, tool: str | None) -> bool:
    """Tell whether *span* is the execution of this tool already: an agent's, whoever traces it."""
    attributes: Mapping[str, Any] | None = getattr(span, "attributes", None)
    if not span.is_recording() or not attributes or gen_ai.MCP_METHOD_NAME in attributes:
        return False
    called = attributes.get(gen_ai.TOOL_NAME)
    return attributes.get(gen_ai.OPERATION_NAME) == gen_ai.EXECUTE_TOOL and called == tool


class _Covered:
    """The owner of a request whose span is somebody else's, who has been told already."""

    operation = gen_ai.EXECUTE_TOOL
    active = True

    def adopt(self, attributes: Mapping[str, Any]) -> None:
        pass


def _sender(meta: Any) -> Context | None:
    """Return the context that the sender put in `_meta`; None when there is none."""
    if not isinstance(meta, Mapping):
        return None
    from opentelemetry import propagate  # here and not above: it loads propagators, which few need

    context = propagate.extract({key: value for key, value in meta.items() if isinstance(value, str)})
    return context if get_current_span(context).get_span_context().is_valid else None


def _result(result: Any) -> Any:
    """Return what a tool returned: its structure, or its blocks of content."""
    for name in ("structuredContent", "structured_content"):
        if (structure := field(result, name)) is not None:
            return plain(structure)
    blocks = [plain(block) for block in items(field(result, "content"))]
    return {"content": [{key: value for key, value in block.items() if value is not None} for block in blocks]}
