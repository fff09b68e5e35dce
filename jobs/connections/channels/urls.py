"""The URLs of connections, which contain their secrets: what is in them, and what is wrong with one."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

MAX_LENGTH = 2000
_REGION = "us-east-1"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_REGION_NAME = re.compile(r"[a-z0-9-]{1,40}")
_ENCODE = "Encode special characters of a key or password, such as / as %2F."
_S3 = "Must be like s3://KEY:SECRET@bucket/folder?region=eu-central-1. " + _ENCODE
_SFTP = "Must be like sftp://user:password@host:22/folder. " + _ENCODE
_CHAT = "Must be the https address of an incoming webhook."
_ENDPOINT = "endpoint must be an http or https address without a path: endpoint=https://host:9000."


class S3Address(NamedTuple):
    """A folder of a bucket, and a key. `endpoint` is the URL of the bucket's host, without a slash at its end."""

    key: str
    secret: str
    region: str
    endpoint: str
    bucket: str
    folder: str

    @classmethod
    def of(cls, url: str) -> S3Address:
        """Raises ValueError with a sentence that doesn't quote the URL."""
        parts, options = _split(url, "s3", _S3), {}
        bucket = unquote(parts.hostname or "") if parts.port is None else ""
        if not (parts.username and parts.password and _BUCKET.fullmatch(bucket)):
            raise ValueError(_S3)
        options = _options(parts, ("region", "endpoint"))
        region = options.get("region", _REGION)
        if not _REGION_NAME.fullmatch(region):
            raise ValueError("region must be the name of a region, such as eu-central-1.")
        endpoint = options.get("endpoint", f"https://s3.{region}.amazonaws.com").rstrip("/")
        if not _is_root(endpoint):
            raise ValueError(_ENDPOINT)
        folder = unquote(parts.path).strip("/")
        return cls(unquote(parts.username), unquote(parts.password), region, endpoint, bucket, folder)

    def object_url(self, path: str) -> str:
        whole = f"{self.folder}/{path}" if self.folder else path
        return f"{self.endpoint}/{self.bucket}/{quote(whole, safe='/-_.~')}"


class SftpAddress(NamedTuple):
    """A folder on an SSH server. `folder` begins with a slash; without one, it is below the user's own."""

    user: str
    password: str | None
    host: str
    port: int
    folder: str

    @classmethod
    def of(cls, url: str) -> SftpAddress:
        """Raises ValueError with a sentence that doesn't quote the URL."""
        parts = _split(url, "sftp", _SFTP)
        if not (parts.username and parts.hostname) or parts.query or parts.port == 0:
            raise ValueError(_SFTP)
        password = None if parts.password is None else unquote(parts.password)
        # As in other programs: /~/ is the user's own folder.
        folder = unquote(parts.path).rstrip("/") or "."
        folder = folder.removeprefix("/~/") if folder.startswith("/~/") else "." if folder == "/~" else folder
        return cls(unquote(parts.username), password, parts.hostname, parts.port or 22, folder)


def url_error(kind: str, url: str, *, has_private_key: bool = False, by_operator: bool = False) -> str | None:
    """Return what is wrong with the URL of a connection, as a sentence that doesn't quote it.

    Only an operator's webhook may be one without TLS: what reads along could post to it ever after.
    """
    if len(url) > MAX_LENGTH or "\0" in url or re.search(r"\s", url):
        return f"Must be at most {MAX_LENGTH} characters long, without spaces."
    try:
        if kind == "s3":
            S3Address.of(url)
        elif kind == "sftp":
            if SftpAddress.of(url).password is None and not has_private_key:
                return "Must contain a password unless there is a private key: sftp://user:password@host/folder."
        elif not _is_web(url, ("https", "http") if by_operator else ("https",)):
            return _CHAT
    except ValueError as error:
        return str(error)
    return None


def shown(kind: str, url: str) -> str:
    """Return the URL without its secrets. The path of a chat's webhook is one."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if kind in ("s3", "sftp"):
        user = f"{parts.username}@" if kind == "sftp" and parts.username else ""
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{user}{host}{port}{parts.path}{query}"
    return f"{parts.scheme}://{host}{port}/…"


def _split(url: str, scheme: str, sentence: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        is_right = parts.scheme == scheme and parts.port != 0 and not parts.fragment
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(sentence)
    return parts


def _options(parts: SplitResult, known: tuple[str, ...]) -> dict[str, str]:
    try:
        options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise ValueError(_S3) from None
    if set(options) - set(known) or any(len(values) > 1 for values in options.values()):
        raise ValueError(f"After ? there can be {' and '.join(known)}, each once.")
    return {name: values[0] for name, values in options.items()}


def _is_root(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and has_port
    return is_web and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)


def _is_web(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
