"""Reads settings from environment variables: the only module that does.

Each function reads one variable and returns a checked value of one type. A wrong value raises ImproperlyConfigured with
a sentence that names the variable. The sentence doesn't repeat values that may contain a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

#: More than any sensible number of seconds, calls or megabytes, and small enough to calculate with.
_LARGEST = 1_000_000_000
_SHORTEST_TOKEN = 16
_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?", re.ASCII | re.IGNORECASE)
#: Names of buckets, and the characters of prefixes that all stores take.
_OBJECT_STORE = re.compile(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,220}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", re.ASCII)
_DATABASE_URL = "must be sqlite:///path/of/file or postgresql://user:password@host:port/name"
_EMAIL_URL = "must be smtp://, smtp+tls:// or smtp+ssl:// and a server."
_REDIS_URL = "must be redis://host:port/number, or rediss:// for TLS."


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def token(name: str) -> str:
    """A secret that a program sends; empty if it isn't set."""
    value = text(name)
    if value and not (len(value) >= _SHORTEST_TOKEN and value.isascii() and value.isprintable() and " " not in value):
        raise ImproperlyConfigured(f"{name} must have at least {_SHORTEST_TOKEN} characters, of ASCII without spaces.")
    return value


def texts(name: str) -> list[str]:
    """A comma-separated list."""
    return [item for item in text(name).split(",") if item]


def whole_number(name: str, default: int, *, minimum: int = 1, maximum: int = _LARGEST, reason: str = "") -> int:
    """A whole number from `minimum` to `maximum`. `reason` explains the limit in the error."""
    value = text(name, str(default))
    digits = value.lstrip("0") or ("0" if value and minimum == 0 else "")
    if not (value.isascii() and value.isdigit() and digits):
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {minimum}, not {value!r}.")
    # The length is compared first: Python refuses to parse a number of more than 4,300 digits.
    if len(digits) > len(str(maximum)) or int(digits) > maximum:
        raise ImproperlyConfigured(f"{name} must be at most {maximum}, not {value[:40]!r}{reason and f': {reason}'}.")
    if int(digits) < minimum:
        raise ImproperlyConfigured(f"{name} must be at least {minimum}, not {value!r}{reason and f': {reason}'}.")
    return int(digits)


def optional_whole_number(name: str) -> int | None:
    """A whole number of at least 1; None if the variable isn't set."""
    return whole_number(name, 1) if text(name) else None


def flag(name: str, default: bool) -> bool:
    value = text(name, "1" if default else "0")
    if value.lower() not in _FLAGS:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return _FLAGS[value.lower()]


def choice(name: str, choices: Collection[str], default: str) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def host(name: str, default: str) -> str:
    """A host name or IP address, without a port."""
    value = text(name, default)
    if not _is_host(value):
        raise ImproperlyConfigured(f"{name} must be a name or an IP address of this machine, not {value!r}.")
    return value


def bracketed(host: str) -> str:
    """The host as it is written in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def folder(name: str, default: Path) -> Path:
    """A folder, which is created if it doesn't exist."""
    value = text(name, str(default))
    if not value:
        raise ImproperlyConfigured(f"{name} must not be empty; if it is not set, {str(default)!r} is used.")
    if "://" in value:
        raise ImproperlyConfigured(f"{name} must be a folder, not a URL.")
    return created_folder(name, Path(value))


def created_folder(name: str, path: Path) -> Path:
    """The folder at this path, which is created if it doesn't exist. `name` is the variable that it depends on."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror or "unknown error" if isinstance(error, OSError) else str(error)
        raise ImproperlyConfigured(f"{name}: {path} can't be used as a folder: {reason}.") from None
    return path


def object_store(name: str) -> str:
    """The URL of a bucket and a prefix in it; empty if the variable names a folder, or nothing."""
    return object_store_url(name, text(name))


def object_store_url(name: str, value: str) -> str:
    """The checked URL of a bucket and a prefix in it; empty for a folder. `name` is where it was set."""
    if "://" not in value:
        return ""
    if not _OBJECT_STORE.fullmatch(value):
        # It isn't repeated: what comes before an @ may be a secret.
        raise ImproperlyConfigured(
            f"{name} must be a folder, or the URL of a bucket such as s3://bucket/prefix, gs://bucket/prefix or "
            "az://container/prefix, without keys: these are in AWS_ACCESS_KEY_ID and the like."
        )
    return value.rstrip("/")


def absolute_folders(name: str) -> list[Path]:
    """A comma-separated list of absolute paths. They needn't exist: they may be mounted later."""
    paths = [Path(item.strip()) for item in texts(name)]
    if relative := next((path for path in paths if not path.is_absolute()), None):
        raise ImproperlyConfigured(f"{name} must be absolute paths such as /srv/data, not {str(relative)!r}.")
    return paths


def optional_folder(name: str) -> Path | None:
    """As `folder`; None if the variable isn't set."""
    return folder(name, Path()) if text(name) else None


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """A comma-separated list of networks in CIDR notation."""
    try:
        return [ip_network(item.strip()) for item in texts(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be networks such as 10.1.0.0/16: {error}.") from None


def trusted_proxies(name: str) -> list[IPv4Network | IPv6Network]:
    """The networks of the proxies that may name the address of a client."""
    proxies = networks(name)
    if any(network.prefixlen == 0 for network in proxies):
        raise ImproperlyConfigured(f"{name} must not contain every address: anybody could pretend to be a proxy.")
    return proxies


def origins(name: str) -> list[str]:
    """A comma-separated list of web origins: scheme and host, with a port if it isn't the scheme's own."""
    values = [item.strip().rstrip("/") for item in texts(name)]
    for value in values:
        parts = _split_url(value)
        is_origin = parts and parts.scheme in ("http", "https") and value == f"{parts.scheme}://{parts.netloc}"
        if not is_origin or "@" in value:
            # What comes before an @ may be a password.
            shown = "this one" if "@" in value else repr(value)
            raise ImproperlyConfigured(f"{name} must be origins such as https://app.example.com, not {shown}.")
    return values


def public_url(name: str, default: str) -> str:
    """The http or https URL that people use, without a slash at the end."""
    value = text(name, default)
    parts = _split_url(value)
    if parts is None or parts.scheme not in ("http", "https") or " " in value:
        # What comes before an @ may be a password.
        shown = "this one" if "@" in value else repr(value)
        raise ImproperlyConfigured(f"{name} must be an http or https address, not {shown}.")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ImproperlyConfigured(f"{name} must have no user name, password, ? or #, since paths are appended to it.")
    return value.rstrip("/")


def telemetry(name: str) -> bool:
    """Whether OpenTelemetry is used, which takes packages that are not always installed."""
    is_wanted = flag(name, False)
    if is_wanted and find_spec("opentelemetry") is None:
        raise ImproperlyConfigured(f"{name} needs more packages. Install them: pip install 'reportserver[otel]'")
    return is_wanted


def redis_url(name: str) -> str:
    """The URL of a Redis server with an optional database number, or an empty string."""
    value = text(name)
    if value:
        parts = _split_url(value)
        if not (parts and parts.scheme in ("redis", "rediss") and re.fullmatch(r"/?|/[0-9]{1,5}", parts.path)):
            raise ImproperlyConfigured(f"{name} {_REDIS_URL}")
    return value


def email_server(name: str) -> dict[str, Any]:
    """Django's EMAIL_… settings for the mail server at this URL; empty if the variable isn't set."""
    value = text(name)
    if not value:
        return {}
    parts = _split_url(value)
    if not (parts and parts.scheme in ("smtp", "smtp+tls", "smtp+ssl")):
        raise ImproperlyConfigured(f"{name} {_EMAIL_URL}")
    config: dict[str, Any] = environ.Env.email_url_config(value)
    return config


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings of a SQLite or PostgreSQL database."""
    url = text(name, default)
    scheme, separator, _ = url.partition("://")
    if scheme not in ("sqlite", "postgresql", "postgres") or not separator:
        raise ImproperlyConfigured(f"{name} {_DATABASE_URL}.")
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(f"{name} {_DATABASE_URL}; its host or port is not valid.") from None
    if scheme == "sqlite":
        if not url.startswith("sqlite:///") or config["NAME"] in ("", ":memory:"):
            raise ImproperlyConfigured(f"{name} {_DATABASE_URL}.")
        path = Path(config["NAME"])
        # SQLite creates a missing file, but not a missing folder.
        if not path.parent.is_dir():
            raise ImproperlyConfigured(f"{name}: the folder {path.parent} doesn't exist.")
        if path.is_dir():
            raise ImproperlyConfigured(f"{name}: {path} is a folder, not a file.")
    elif not config["NAME"] and "service" not in config.get("OPTIONS", {}):
        raise ImproperlyConfigured(f"{name} {_DATABASE_URL}; the name of the database is missing.")
    return config


def _split_url(url: str) -> SplitResult | None:
    """The parts of a URL; None if its host is missing, or its host or port is not valid."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # urlsplit removes tabs and line breaks without an error.
    has_removed_characters = bool(set(url) & set("\t\r\n"))
    return None if has_removed_characters or port == 0 or not _is_host(parts.hostname or "") else parts


def _is_host(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(value))
    return True
