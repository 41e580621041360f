"""Which web pages may send from a browser: none, unless their origins are configured.

Credentials (cookies) are never allowed; a key travels in a header that the page sets itself.
"""

Headers = list[tuple[bytes, bytes]]

ALLOWED_HEADERS = b"authorization, content-encoding, content-type, x-api-key, traceparent, tracestate, baggage"
REMEMBERED_SECONDS = b"7200"


def cors_headers(origin: bytes | None, allowed: tuple[str, ...]) -> Headers:
    """Return the headers that let a page of `origin` read an answer; none when it may not."""
    if origin is None or not allowed:
        return []
    if origin.decode("latin-1") not in allowed and "*" not in allowed:
        return []
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin")]


def preflight_headers(origin: bytes | None, allowed: tuple[str, ...]) -> Headers:
    """Return the headers that answer a browser's question before it sends."""
    found = cors_headers(origin, allowed)
    if not found:
        return []
    return [
        *found,
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", ALLOWED_HEADERS),
        (b"access-control-max-age", REMEMBERED_SECONDS),
    ]
