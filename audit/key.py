"""The key of hashes and seals."""

from __future__ import annotations

from django.conf import settings

from audit import chain


def signing_key() -> bytes:
    """The key. It is never stored in the database."""
    return str(settings.AUDIT_KEY).encode()


def empty_log_seal() -> str:
    return chain.head_seal(signing_key(), 0, chain.GENESIS)
