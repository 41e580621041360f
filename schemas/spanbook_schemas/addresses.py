"""Addresses of others, which may carry a password: what of them may be shown."""

import re


def without_secret(text: str) -> str:
    """Return a text with the passwords of the URLs in it blanked, fit for a log."""
    return re.sub(r"(://[^:/@]*):[^/\s]*@", r"\1:***@", text)
