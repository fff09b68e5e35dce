"""Secrets at rest: connection URLs of data sources, encrypted with keys that are not in the database."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class WrongKey(ValueError):
    """The stored secret can't be read with the server's data keys."""


def encrypt(secret: str, *, owner: str) -> str:
    """Encrypt a secret for its owner (an id): moved to another row, it can't be decrypted."""
    return _fernet().encrypt(f"{owner}\x00{secret}".encode()).decode()


def decrypt(token: str, *, owner: str) -> str:
    """Return the secret. Raises WrongKey when it was made with another key or for another owner."""
    try:
        found, _, secret = _fernet().decrypt(token.encode()).decode().partition("\x00")
    except InvalidToken:
        raise WrongKey(WrongKey.__doc__) from None
    if found != owner:
        raise WrongKey(WrongKey.__doc__)
    return secret


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in settings.DATA_KEYS])


def _derived(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())
