"""Content on its way out: bounded, redacted, as JSON text.

Large media is described, not copied: a megabyte of base64 is never read beyond its header. A text that is cut says so
in its last words, and the JSON around it stays whole.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from spanbook_schemas import names

from . import _guard, _settings

Part = dict[str, Any]

_ALWAYS_JSON = frozenset({names.INPUT, names.OUTPUT})
_MODALITIES = ("image", "audio", "video")
_DEEPEST = 64


def encode(name: str, value: Any) -> str:
    """Return the JSON text of one content attribute, redacted and within the limits.

    A text stays a text, but for Spanbook's own attributes, which are JSON throughout.
    """
    if isinstance(value, str) and name not in _ALWAYS_JSON:
        return redacted_text(name, value)
    settings = _settings.current()
    if settings.redact is not None:
        value = _redacted(settings.redact, name, plain(value))
    encoded = _dumps(value)
    if len(encoded) > settings.max_text:
        encoded = _shortened(value, encoded, settings)
    return storable(encoded)


def decoded(name: str, encoded: str) -> Any:
    """Return what `encode` made as plain values, which events carry."""
    try:
        return json.loads(encoded)
    except ValueError:
        return encoded


def redacted_text(name: str, value: str) -> str:
    """Return a free text that may quote content, such as an error's message, after the redact hook."""
    settings = _settings.current()
    if settings.redact is not None:
        value = str(_redacted(settings.redact, name, value))
    return storable(_cut_text(value, settings.max_text))


def storable(value: str) -> str:
    """Return *value* without lone surrogates: one of them would cost the whole export batch."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


def text_part(content: str) -> Part:
    """Return a text part."""
    return {"type": "text", "content": content}


def blob(modality: str, mime_type: str | None, base64: str, start: int = 0) -> Part:
    """Return inline media, whose base64 begins at *start*: whole when it is small, else its size in bytes only."""
    part: Part = {"type": "blob", "modality": modality}
    if mime_type:
        part["mime_type"] = mime_type
    length = len(base64) - start
    if length <= _settings.current().max_blob:
        part["content"] = base64[start:]
    else:
        part["content"] = ""
        part["byte_size"] = length * 3 // 4
    return part


def binary(modality: str, mime_type: str | None, data: bytes) -> Part:
    """Return inline media that an SDK takes as bytes."""
    if len(data) * 4 // 3 <= _settings.current().max_blob:
        return blob(modality, mime_type, b64encode(data).decode())
    part: Part = {"type": "blob", "modality": modality, "content": "", "byte_size": len(data)}
    return {**part, "mime_type": mime_type} if mime_type else part


def media(modality: str, url: str) -> Part:
    """Return media given by URL: a blob for a `data:` URL, else a reference."""
    if not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": url}
    header, _, _ = url[:256].partition(",")
    mime_type = header[5:].partition(";")[0] or None
    return blob(modality, mime_type, url, len(header) + 1)


def modality_of(mime_type: str | None) -> str:
    """Return the modality of a MIME type; what is neither image, audio nor video is a document."""
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in _MODALITIES else "document"


def parsed(arguments: Any) -> Any:
    """Return tool arguments as values: providers send them as JSON text, which a model may have got wrong."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def plain(value: Any, depth: int = 0) -> Any:
    """Return *value* as dicts, lists and scalars."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth > _DEEPEST:
        return "[cut: too deep]"
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    return plain(_described(value), depth + 1)


def _described(value: Any) -> Any:
    """What JSON cannot say: models and dataclasses by their fields, bytes by their size, anything else by its repr."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"type": "bytes", "byte_size": len(value)}
    for dump in ("model_dump", "to_dict", "_asdict"):
        if callable(method := getattr(value, dump, None)) and not isinstance(value, type):
            try:
                return method(mode="json") if dump == "model_dump" else method()
            except Exception:  # an application's own method, on an object it never meant to serialise
                break
    if isinstance(value, set | frozenset):
        return list(value)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {name: getattr(value, name, None) for name in value.__dataclass_fields__}
    return _repr(value)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


# Circles are not looked for on the way: they end in a RecursionError.
_encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_described)


def _dumps(value: Any) -> str:
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError):  # odd keys, a circle, too deep
        return _encode(plain(value))


def _made_once() -> Callable[[Any], str]:
    """Return `_encoder.encode`, which makes its C part anew for each text, with that part made once where there is one.

    It is half of what a short text costs.
    """
    try:
        make: Any = getattr(json.encoder, "c_make_encoder")  # noqa: B009  not in its stubs
        pieces = make(
            None, _encoder.default, json.encoder.encode_basestring, _encoder.indent, _encoder.key_separator,
            _encoder.item_separator, _encoder.sort_keys, _encoder.skipkeys, _encoder.allow_nan,
        )  # fmt: skip
        if "".join(pieces({"text": "é"}, 0)) == '{"text":"é"}':
            return lambda value: "".join(pieces(value, 0))
    except Exception:  # another Python, whose json is made otherwise
        pass
    return _encoder.encode


_encode = _made_once()


def _redacted(redact: _settings.Redact, path: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(redact, f"{path}/{key}", item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(redact, f"{path}/{index}", item) for index, item in enumerate(value)]
    try:
        return redact(path, value)
    except Exception as error:
        # What could not be redacted does not leave.
        _guard.failed("redact", error)
        return "[redact failed]"


def _shortened(value: Any, encoded: str, settings: _settings.Settings) -> str:
    """Cut long texts; when many texts are too much together, cut each of them shorter, then leave out items."""
    value = plain(value)
    limit = settings.max_text
    while True:
        encoded = _dumps(_cut(value, limit))
        if len(encoded) <= settings.max_value or limit < 256:
            break
        limit //= 4
    while len(encoded) > settings.max_value and isinstance(value, list) and len(value) > 1:
        value = [_left_out(len(value) - len(value) // 2), *value[-(len(value) // 2) :]]
        encoded = _dumps(_cut(value, limit))
        if len(value) == 2:
            break
    if len(encoded) > settings.max_value:
        encoded = _dumps([_left_out(1)] if isinstance(value, list) else f"[cut: {len(encoded)} characters]")
    return encoded


def _left_out(count: int) -> dict[str, Any]:
    note = text_part(f"[cut: the first {count} items]")
    return {"role": "cut", "parts": [note], **note}


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return _cut_text(value, limit)
    if isinstance(value, dict):
        return {key: _cut(item, limit) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, limit) for item in value]
    return value


def _cut_text(value: str, limit: int) -> str:
    if len(value) <= limit:
        return value
    return f"{value[:limit]}… [cut: {len(value) - limit} of {len(value)} characters]"
