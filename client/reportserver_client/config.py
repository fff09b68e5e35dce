"""Where the commands find the server and the key: RS_URL and RS_KEY, else a file that only its owner can read."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reportserver_client.errors import ConfigurationError

DEFAULT_PROFILE = "default"
_OTHERS = 0o077


@dataclass(frozen=True)
class Access:
    """A server, and the key for it."""

    url: str
    key: str = field(repr=False)


def config_path(env: Mapping[str, str]) -> Path:
    """The configuration file: RS_CONFIG, else reportserver/client.ini in the user's folder of configurations."""
    if env.get("RS_CONFIG"):
        return Path(env["RS_CONFIG"])
    return Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "reportserver" / "client.ini"


def read_access(env: Mapping[str, str], profile: str) -> Access:
    """Return the access to use. Raises ConfigurationError."""
    url, key = env.get("RS_URL", ""), env.get("RS_KEY", "")
    if not (url and key):
        stored = _read(config_path(env), profile)
        # The stored key is for the stored server. It isn't sent to another one.
        if not key and stored and url in ("", stored.url):
            key = stored.key
        url = url or (stored.url if stored else "")
    if not url or not key:
        raise ConfigurationError(
            f"Set {'RS_KEY' if url else 'RS_URL and RS_KEY'}, or run rs configure, which writes {config_path(env)}."
        )
    return Access(url, key)


def write_access(path: Path, profile: str, access: Access) -> None:
    """Add the access to the file, or replace that of the same profile. Only the owner can read the file."""
    parser = _parser(path) if path.exists() else configparser.ConfigParser(interpolation=None)
    parser[profile] = {"url": access.url, "key": access.key}
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            parser.write(file)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _read(path: Path, profile: str) -> Access | None:
    """What the file says; None if there is none. Raises ConfigurationError."""
    try:
        parser = _parser(path)
    except FileNotFoundError:
        if profile != DEFAULT_PROFILE:
            raise ConfigurationError(f"{path} doesn't exist. Run rs configure to add the profile {profile}.") from None
        return None
    if profile not in parser:
        raise ConfigurationError(f"{path} has no profile {profile}.")
    return Access(parser[profile].get("url", ""), parser[profile].get("key", ""))


def _parser(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and (status.st_mode & _OTHERS or status.st_uid not in (os.getuid(), 0)):
                raise ConfigurationError(f"Others can read or change {path}, which has a key. Run: chmod 600 {path}")
            parser.read_file(file)
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError, configparser.Error):
        # A parser's error quotes the line, which may be the one with the key.
        raise ConfigurationError(f"{path} can't be read as a configuration file.") from None
    return parser
