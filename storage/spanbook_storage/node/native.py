"""Native blocks as clients of a newer protocol revision read them: Go's driver, and so Grafana's plugin.

Such a client says `client_protocol_version=…` and takes each block with the block's info before it and, behind each
column's type, a byte that says how its values are written. The engine in a process writes blocks of revision 0, which
have neither. Values are the same in both; so a column is walked by its type, to find where the next one begins.
"""

from typing import Protocol

from .errors import NodeError

FIRST_REVISION = 54454  # with the byte behind the type; between 1 and it are clients of before 2022
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"  # no overflow row, no bucket
_PLAIN = b"\x00"
_LARGEST_BLOCK = 256 << 20

_WIDTHS = {f"{kind}{bits}": bits // 8 for kind in ("Int", "UInt") for bits in (8, 16, 32, 64, 128, 256)} | {
    "Float32": 4, "Float64": 8, "BFloat16": 2, "Bool": 1, "Nothing": 1, "UUID": 16, "IPv4": 4, "IPv6": 16,
    "Date": 2, "Date32": 4, "DateTime": 4, "DateTime64": 8, "Time": 4, "Time64": 8, "Enum8": 1, "Enum16": 2,
    "Decimal32": 4, "Decimal64": 8, "Decimal128": 16, "Decimal256": 32,
}  # fmt: skip
_DECIMALS = ((9, 4), (18, 8), (38, 16), (76, 32))  # digits, and how wide they are


class Pieces(Protocol):
    """What comes out of the engine, piece by piece; nothing at the end."""

    async def read(self) -> bytes: ...


class Revised:
    """The same pieces in the newer form, a block or more at a time."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._rest = bytearray()

    async def read(self) -> bytes:
        """Return the next whole blocks, nothing at the end. Raises NodeError 48 for a type without a known form."""
        wanted = 1
        while piece := await self._pieces.read():
            self._rest += piece
            if len(self._rest) < wanted:
                continue
            blocks, end = revised(self._rest)
            if end:
                del self._rest[:end]
                return blocks
            if len(self._rest) > _LARGEST_BLOCK:
                raise NodeError(241, "MEMORY_LIMIT_EXCEEDED", "a block of the result is too large to be written anew")
            wanted = 2 * len(self._rest)  # a large block is not walked anew for each piece of it
        blocks, _ = revised(self._rest)
        self._rest.clear()  # half a block: the statement failed, which the engine says elsewhere
        return blocks


def revised(data: bytes | bytearray) -> tuple[bytes, int]:
    """Return the whole blocks at the start of `data` in the newer form, and where they end."""
    out: list[bytes] = []
    end = 0
    while end < len(data):
        try:
            block, end = _block(data, end)
        except IndexError:  # the rest of it is still to come
            break
        out += block
    return b"".join(out), end


def _block(data: bytes | bytearray, start: int) -> tuple[list[bytes], int]:
    columns, at = _varint(data, start)
    rows, at = _varint(data, at)
    out = [_BLOCK_INFO, bytes(data[start:at])]
    for _ in range(columns):
        begin = at
        at = _text_end(data, at)
        size, at = _varint(data, at)
        if at + size > len(data):
            raise IndexError
        kind = bytes(data[at : at + size]).decode()
        at += size
        out += [bytes(data[begin:at]), _PLAIN]
        begin = at
        if rows:
            at = _values_end(kind, rows, data, _prefix_end(kind, at))
        if at > len(data):
            raise IndexError
        out.append(bytes(data[begin:at]))
    return out, at


def _prefix_end(kind: str, at: int) -> int:
    """What stands once before a column's values: the version of each dictionary in it."""
    name, inner = _parsed(kind)
    if name == "LowCardinality":
        return at + 8
    for one in inner if name in _NESTING else ():
        at = _prefix_end(one, at)
    return at


def _values_end(kind: str, rows: int, data: bytes | bytearray, at: int) -> int:
    name, inner = _parsed(kind)
    if name in _WIDTHS:
        return at + rows * _WIDTHS[name]
    match name:
        case "String":
            for _ in range(rows):
                at = _text_end(data, at)
        case "FixedString":
            at += rows * int(inner[0])
        case "Decimal":
            at += rows * next(
                width for digits, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if int(inner[0]) <= digits
            )
        case "Nullable":
            at = _values_end(inner[0], rows, data, at + rows)
        case "SimpleAggregateFunction":
            at = _values_end(inner[1], rows, data, at)
        case "Tuple":
            for one in inner:
                at = _values_end(one, rows, data, at)
        case "Array" | "Map" | "Nested":
            at, items = at + 8 * rows, _number(data, at + 8 * rows - 8) if rows else 0
            for one in inner:
                at = _values_end(one, items, data, at)
        case "LowCardinality":
            at = _dictionary_end(inner[0], data, at) if rows else at
        case _ if name.startswith("Interval"):
            at += 8 * rows
        case _:
            hint = "hint: select `toString(…)` or `toJSONString(…)` of it"
            raise NodeError(48, "NOT_IMPLEMENTED", f"columns of type {kind} are not sent to this client\n{hint}")
    return at


def _dictionary_end(kind: str, data: bytes | bytearray, at: int) -> int:
    width = 1 << (_number(data, at) & 0xFF)
    keys = _number(data, at + 8)
    inner = kind.removeprefix("Nullable(")[:-1] if kind.startswith("Nullable(") else kind
    at = _values_end(inner, keys, data, at + 16)
    return at + 8 + _number(data, at) * width


def _parsed(kind: str) -> tuple[str, list[str]]:
    """A type's name and what stands in its brackets, names of tuple elements left out."""
    name, bracket, rest = kind.partition("(")
    if not bracket or name not in _NESTING:
        return name, rest[:-1].split(",") if bracket else []
    inner = _split(rest[:-1])
    if name in ("Tuple", "Nested"):
        inner = [_unnamed(one) for one in inner]
    return name, inner


_NESTING = frozenset(("Array", "Map", "Tuple", "Nested", "Nullable", "LowCardinality", "SimpleAggregateFunction"))


def _split(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and no quotes."""
    parts, start, depth, quote, escaped = list[str](), 0, 0, "", False
    for at, char in enumerate(text):
        if escaped or char == "\\":
            escaped = not escaped
        elif quote or char in "'`":
            quote = "" if char == quote else quote or char
        elif char == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
        else:
            depth += (char == "(") - (char == ")")
    return [*parts, text[start:].strip()]


def _unnamed(element: str) -> str:
    """`name Type` or `Type`; a name may be quoted."""
    if element.startswith("`"):
        return element[element.index("` ", 1) + 2 :]
    name, space, kind = element.partition(" ")
    return kind if space and "(" not in name else element


def _text_end(data: bytes | bytearray, at: int) -> int:
    size, at = _varint(data, at)
    return at + size


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _number(data: bytes | bytearray, at: int) -> int:
    if at + 8 > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + 8], "little")
