"""Ids that need no round trip: pure functions of names, the same in Python and in SQL."""

import hashlib


def experiment_id(tenant: str, name: str) -> str:
    """Return the experiment's id: the first 16 hex digits of SHA-256(tenant, 0x00, name)."""
    return hashlib.sha256(f"{tenant}\0{name}".encode()).hexdigest()[:16]
