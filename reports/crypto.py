"""Encryption of stored secrets, such as connection URLs of data sources. The keys are not in the database."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from reports.exceptions import WrongKey


def encrypt(secret: str, *, owner: str) -> str:
    """Encrypt a secret with the first key. `owner` is an id; copied to another owner's row, it can't be decrypted."""
    return _fernet().encrypt(f"{owner}\x00{secret}".encode()).decode()


def decrypt(token: str, *, owner: str) -> str:
    """Return the secret. Raises WrongKey if it was encrypted with an unknown key or for another owner."""
    try:
        encrypted_for, _, secret = _fernet().decrypt(token.encode()).decode().partition("\x00")
    except InvalidToken:
        raise WrongKey from None
    if encrypted_for != owner:
        raise WrongKey
    return secret


def rotate(token: str) -> str:
    """Return the secret encrypted with the first key: the token itself if it already is. Raises WrongKey."""
    try:
        return token if is_encrypted_with_first_key(token) else _fernet().rotate(token.encode()).decode()
    except InvalidToken:
        raise WrongKey from None


def is_readable(token: str) -> bool:
    """True if one of the keys decrypts it."""
    try:
        _fernet().decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def is_encrypted_with_first_key(token: str) -> bool:
    try:
        _keys()[0].decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def _fernet() -> MultiFernet:
    """Decrypts with any key, so that keys can be rotated."""
    return MultiFernet(_keys())


def _keys() -> list[Fernet]:
    # Fernet needs exactly 32 bytes, and the keys of the settings are texts of any length.
    digests = [hashlib.sha256(key.encode()).digest() for key in settings.DATA_KEYS]
    return [Fernet(base64.urlsafe_b64encode(digest)) for digest in digests]
