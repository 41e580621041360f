"""JSON that knows whether it is whole: the CRC32C in hex, a space, the JSON text, a line feed."""

import json
from typing import Any

import google_crc32c


def encode_line(value: dict[str, Any]) -> bytes:
    """Return the line of a JSON object."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %b\n" % (google_crc32c.value(text), text)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line, None when the line is torn or damaged."""
    checksum, _, text = line.removesuffix(b"\n").partition(b" ")
    if checksum != b"%08x" % google_crc32c.value(text):
        return None
    value = json.loads(text)
    return value if isinstance(value, dict) else None
