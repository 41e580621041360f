"""Normalize: the place where foreign dialects will get the current conventions' attributes added.

It stands first in the writer, before flatten, so that it sees values as they were sent. What came in stays as it was;
attributes are only added. No dialect is known yet, so every request passes as it is.
"""

from spanbook_schemas.signals import Signal


def normalize(signal: Signal, body: bytes) -> bytes:
    """Return the request with the current `gen_ai.*` attributes added to the spans of foreign dialects."""
    return body
