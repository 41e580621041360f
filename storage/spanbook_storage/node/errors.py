"""Errors as ClickHouse's HTTP interface tells them: a code, its name, a text, and an HTTP status that fits."""

import re
from dataclasses import dataclass
from http import HTTPStatus

ENGINE_VERSION = "26.9.2.1"

_CODE = re.compile(r"^(?:Streaming query failed: )?(?:Code: (\d+)\. DB::Exception: )")
_NAME = re.compile(r"\s*(?:\(version [^)]*\)\.?)?\s*\(([A-Z][A-Z0-9_]+)\)\s*(?:\(version [^)]*\))?\.?\s*$")

# exceptionCodeToHTTPStatus of ClickHouse; whatever is not here is 500.
_STATUS = {
    **dict.fromkeys((36, 27, 26, 38, 41, 42, 43, 53, 62, 69, 72, 117, 167, 168, 190, 456, 457), HTTPStatus.BAD_REQUEST),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 81, 115, 216), HTTPStatus.NOT_FOUND),
    **dict.fromkeys((192, 193, 194, 497, 516), HTTPStatus.FORBIDDEN),
    48: HTTPStatus.NOT_IMPLEMENTED,
    202: HTTPStatus.SERVICE_UNAVAILABLE,
    307: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


@dataclass
class NodeError(Exception):
    """A refused or failed statement: ClickHouse's number and name, and what is wrong."""

    code: int
    name: str
    message: str

    def __post_init__(self) -> None:
        super().__init__(self.message)

    @property
    def status(self) -> HTTPStatus:
        return _STATUS.get(self.code, HTTPStatus.INTERNAL_SERVER_ERROR)

    def text(self) -> str:
        """The body that ClickHouse clients parse."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {ENGINE_VERSION})\n"


def from_engine(error: BaseException) -> NodeError:
    """What the engine said, taken apart; an error without a code is ClickHouse's own 1002."""
    text = str(error).strip()
    if not (code := _CODE.match(text)):
        return NodeError(1002, "UNKNOWN_EXCEPTION", text)
    message, names = text[code.end() :], []
    while found := _NAME.search(message):
        message = message[: found.start()]
        names.append(found[1])
    # The engine repeats the head when an exception crossed its client part.
    message = _CODE.sub("", message)
    return NodeError(int(code[1]), names[0] if names else "UNKNOWN_EXCEPTION", message.rstrip())


def access_denied(message: str) -> NodeError:
    return NodeError(497, "ACCESS_DENIED", message)


def readonly(message: str) -> NodeError:
    return NodeError(164, "READONLY", message)


def syntax_error(message: str) -> NodeError:
    return NodeError(62, "SYNTAX_ERROR", message)
