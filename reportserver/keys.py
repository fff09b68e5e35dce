"""The server's secrets: set in the environment, or generated once into the data folder of a local installation."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from reportserver.environment import text

NAMES = ("SECRET_KEY", "JWT_KEY", "DATA_KEY", "AUDIT_KEY")
#: Characters. HMAC with SHA-256 takes a key of at least 32 bytes (RFC 7518, section 3.2).
_MIN_LENGTH = 32
_MIN_DISTINCT_CHARACTERS = 5
_DEPLOYMENT_ID, _MAX_DEPLOYMENT_ID = "REPORTSERVER_DEPLOYMENT_ID", 100
#: Parts of the keys in examples and templates.
_PLACEHOLDERS = ("django-insecure-", "change-me", "change_me", "changeme", "your-secret", "your_secret", "placeholder")


def load_keys(folder: Path, *, local: bool) -> dict[str, str]:
    """Return a secret for each of NAMES, all of them different.

    With `local`, missing ones are generated into the folder. Raises ImproperlyConfigured for a missing or weak secret.
    """
    keys = {name: text(f"REPORTSERVER_{name}") or _load_generated(folder / name.lower(), name, local) for name in NAMES}
    for name, key in keys.items():
        if len(key) < _MIN_LENGTH:
            raise ImproperlyConfigured(f"REPORTSERVER_{name} is shorter than {_MIN_LENGTH} characters.")
        if not local and is_guessable(key):
            raise ImproperlyConfigured(
                f"REPORTSERVER_{name} is a placeholder or repeats the same characters; it must be random."
            )
    if len(set(keys.values())) < len(keys):
        raise ImproperlyConfigured(f"REPORTSERVER_{', REPORTSERVER_'.join(NAMES)} must all differ.")
    return keys


def load_deployment_id(path: Path, *, generate: bool) -> str:
    """Return the id of this installation: from the environment, or with `generate` from this file.

    Raises ImproperlyConfigured if it is missing or can't be used.
    """
    identifier = text(_DEPLOYMENT_ID)
    if not identifier and not generate:
        raise ImproperlyConfigured(
            f"{_DEPLOYMENT_ID} is not set. PostgreSQL needs it, the same on all hosts: any text that no other "
            "installation has, such as reports-production."
        )
    if len(identifier) > _MAX_DEPLOYMENT_ID or not identifier.isprintable():
        raise ImproperlyConfigured(f"{_DEPLOYMENT_ID} must have at most {_MAX_DEPLOYMENT_ID} printable characters.")
    return identifier or _read_or_generate(path)


def is_guessable(key: str) -> bool:
    """True if the key comes from an example or repeats a short piece, however long it is."""
    is_placeholder = any(placeholder in key.lower() for placeholder in _PLACEHOLDERS)
    # A key that repeats a piece equals itself shifted by the piece's length.
    is_repetition = any(key[length:] == key[:-length] for length in range(1, len(key) // 2 + 1))
    return is_placeholder or is_repetition or len(set(key)) < _MIN_DISTINCT_CHARACTERS


def _load_generated(path: Path, name: str, local: bool) -> str:
    """Return the key in this file, which is generated if it doesn't exist."""
    if not local:
        raise ImproperlyConfigured(
            f"REPORTSERVER_{name} is not set. It may be left out only if REPORTSERVER_PUBLIC_URL is on this machine."
        )
    return _read_or_generate(path)


def _read_or_generate(path: Path) -> str:
    try:
        if not path.exists():
            _generate(path)
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"REPORTSERVER_DATA_DIR: {path} can't be read or written: {error.strerror}."
        ) from None


def _generate(path: Path) -> None:
    """Write a new key. If several processes do so at once, all of them end up with the same key."""
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
    try:
        # Unlike a rename, linking fails if another process has just created the file.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
