"""The server's secrets: from the environment, or generated once into the data folder of a local installation."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

NAMES = ("SECRET_KEY", "JWT_KEY", "DATA_KEY", "AUDIT_KEY")
_SHORTEST = 32
_FEWEST_CHARACTERS = 5
#: What examples have in place of a key.
_PLACEHOLDERS = ("django-insecure-", "change-me", "change_me", "changeme", "your-secret", "your_secret", "placeholder")


def load_keys(folder: Path, *, local: bool) -> dict[str, str]:
    """Return one distinct secret per name of NAMES. Outside local mode each must come from the environment."""
    keys = {name: os.environ.get(f"REPORTSERVER_{name}") or _stored(folder, name, local) for name in NAMES}
    for name, key in keys.items():
        if len(key) < _SHORTEST:
            raise ImproperlyConfigured(f"REPORTSERVER_{name} is shorter than {_SHORTEST} characters.")
        if not local and _is_guessable(key):
            raise ImproperlyConfigured(
                f"REPORTSERVER_{name} is a placeholder or the same characters again and again; it must be random."
            )
    if len(set(keys.values())) < len(keys):
        raise ImproperlyConfigured(f"REPORTSERVER_{', REPORTSERVER_'.join(NAMES)} must all differ.")
    return keys


def _is_guessable(key: str) -> bool:
    """Whether it is an example's or a short piece repeated, however long. What is random is neither."""
    is_example = any(words in key.lower() for words in _PLACEHOLDERS)
    repeats = any(key[length:] == key[:-length] for length in range(1, len(key) // 2 + 1))
    return is_example or repeats or len(set(key)) < _FEWEST_CHARACTERS


def _stored(folder: Path, name: str, local: bool) -> str:
    if not local:
        raise ImproperlyConfigured(
            f"REPORTSERVER_{name} is not set. It may only be left out when REPORTSERVER_PUBLIC_URL is on this machine."
        )
    path = folder / name.lower()
    try:
        if not path.exists():
            _create(path)
        return path.read_text().strip()
    except OSError as error:
        sentence = f"{path} can't be read or written: {error.strerror}"
        raise ImproperlyConfigured(f"REPORTSERVER_DATA_DIR: {sentence}.") from None


def _create(path: Path) -> None:
    """Write a new key. Two processes starting at once must end up with the same one: the first link wins."""
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
