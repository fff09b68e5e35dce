"""Single settings as the environment has them. Whatever is wrong raises ImproperlyConfigured, in a sentence that names
the setting; what may hold a password is not repeated in it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_FLAGS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?", re.ASCII | re.IGNORECASE)
#: More than any number that is given in seconds, calls or megabytes; times and sizes can be computed with it.
_MOST = 1_000_000_000
_DATABASE = "must be sqlite:///path/of/file or postgresql://user:password@host:port/name"


def text(name: str, default: str) -> str:
    """A text that is not empty."""
    value = os.environ.get(name, default)
    if not value:
        raise ImproperlyConfigured(f"{name} must not be empty; left out, it is {default!r}.")
    return value


def positive(name: str, default: int, most: int = _MOST, reason: str = "") -> int:
    """A whole number from 1 to `most`; `reason` is why it may not be more."""
    value = os.environ.get(name, str(default))
    digits = value.lstrip("0")
    if not (value.isascii() and value.isdigit() and digits):
        raise ImproperlyConfigured(f"{name} must be a whole number of at least 1, not {value!r}.")
    # Long before a number is too long to be read.
    if len(digits) > len(str(most)) or int(digits) > most:
        raise ImproperlyConfigured(f"{name} must be at most {most}, not {value[:40]!r}{reason and f': {reason}'}.")
    return int(digits)


def flag(name: str, default: bool) -> bool:
    """Whether something is on. A word that is neither yes nor no is not guessed at."""
    value = os.environ.get(name, "1" if default else "0")
    if value.lower() not in _FLAGS:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return _FLAGS[value.lower()]


def one_of(name: str, choices: Collection[str], default: str) -> str:
    """One of these words."""
    value = os.environ.get(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def host(name: str, default: str) -> str:
    """The name or number of a machine, without a port."""
    value = os.environ.get(name, default)
    if not _is_host(value):
        raise ImproperlyConfigured(f"{name} must be a name or an IP address of this machine, not {value!r}.")
    return value


def in_url(machine: str) -> str:
    """A machine as it stands before a port: the number of an IPv6 network is in brackets there."""
    return f"[{machine}]" if ":" in machine else machine


def folder(name: str, default: Path) -> Path:
    """A folder, which is made if need be."""
    path = Path(text(name, str(default)))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{name}: {path} can't be a folder: {_why(error)}.") from None
    return path


def public_url(name: str, default: str) -> str:
    """The address that people use, without a slash at its end."""
    value = os.environ.get(name, default)
    parts = _parts(value)
    if parts is None or parts.scheme not in ("http", "https") or " " in value:
        shown = "that" if "@" in value else repr(value)
        raise ImproperlyConfigured(f"{name} must be an http or https address, not {shown}.")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ImproperlyConfigured(f"{name} must have no user name, password, ? or # in it: it is put before paths.")
    return value.rstrip("/")


def server_url(name: str, schemes: tuple[str, ...], sentence: str) -> str:
    """The address of a server with one of these schemes, or nothing. `sentence` says what it must be."""
    value = os.environ.get(name, "")
    parts = _parts(value)
    if value and (parts is None or parts.scheme not in schemes):
        raise ImproperlyConfigured(f"{name} {sentence}")
    return value


def redis_url(name: str) -> str:
    """The address of a Redis server and the number of its database, or nothing."""
    sentence = "must be redis://host:port/number, or rediss:// for TLS."
    value = server_url(name, ("redis", "rediss"), sentence)
    if value and not re.fullmatch(r"/?|/[0-9]{1,5}", urlsplit(value).path):
        raise ImproperlyConfigured(f"{name} {sentence}")
    return value


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings of a SQLite or PostgreSQL database."""
    url = os.environ.get(name, default)
    scheme = url.partition("://")[0]
    if scheme not in ("sqlite", "postgresql", "postgres") or "://" not in url:
        raise ImproperlyConfigured(f"{name} {_DATABASE}.")
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(f"{name} {_DATABASE}; its machine or port can not be one.") from None
    if scheme == "sqlite":
        _check_file(name, url, config["NAME"])
    elif not config["NAME"] and "service" not in config.get("OPTIONS", {}):
        raise ImproperlyConfigured(f"{name} {_DATABASE}; the name of the database is missing.")
    return config


def _check_file(name: str, url: str, path: str) -> None:
    """SQLite makes a file, but no folder."""
    if not url.startswith("sqlite:///") or path in ("", ":memory:"):
        raise ImproperlyConfigured(f"{name} {_DATABASE}.")
    if not Path(path).parent.is_dir():
        raise ImproperlyConfigured(f"{name}: there is no folder {Path(path).parent}.")
    if Path(path).is_dir():
        raise ImproperlyConfigured(f"{name}: {path} is a folder and no file.")


def _parts(url: str) -> SplitResult | None:
    """The parts of an address; None where the machine is missing or it or the port can't be one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # urlsplit leaves these out silently.
    is_whole = not set(url) & set("\t\r\n")
    return parts if is_whole and port != 0 and _is_host(parts.hostname or "") else None


def _is_host(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return bool(_NAME.fullmatch(value))
    return True


def _why(error: Exception) -> str:
    return error.strerror or "unknown" if isinstance(error, OSError) else str(error)
