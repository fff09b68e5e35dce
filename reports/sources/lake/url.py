"""URLs of lakes: a bucket of S3, Google Cloud Storage or Azure, or a folder on an HTTP server.

    s3://KEY:SECRET@bucket/folder?region=eu-central-1&endpoint=https://host:9000
    gs://bucket/folder?service_account={percent-encoded JSON}
    az://ACCOUNT:KEY@container/folder
    https://user:password@host/folder?tables=flights.parquet,orders

Without a key, requests are not signed. An HTTP server lists no folders, so the URL names the tables there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from common.outbound.connecting import AddressRules
from reports.exceptions import SourceUnusable

_FORM = (
    "Must be like s3://KEY:SECRET@bucket/folder, gs://bucket/folder, az://ACCOUNT:KEY@container/folder or "
    "https://host/folder?tables=a.parquet,b. Encode special characters, such as / in a key as %2F."
)
_OPTIONS = {
    "s3": {"region", "endpoint"},
    "gs": {"service_account"},
    "az": {"endpoint"},
    "http": {"tables"},
    "https": {"tables"},
}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
#: Both become a part of the provider's host name.
_REGION, _ACCOUNT = re.compile(r"[a-z0-9-]{1,40}"), re.compile(r"[a-z0-9]{3,24}")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+/?")
_ELSEWHERE = "Only the server's operator can set an endpoint or an address without TLS, in a definitions file."


@dataclass(frozen=True)
class LakeUrl:
    """Where a lake is. `folder` has no slash at its ends; `key` and `secret` may be empty."""

    scheme: str
    host: str
    folder: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    options: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> LakeUrl:
        """Raises SourceUnusable."""
        if sentence := url_error(url):
            raise SourceUnusable(f"The data source's URL is not valid. {sentence}")
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        key, secret = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.scheme, host, unquote(parts.path).strip("/"), key, secret, dict(parse_qsl(parts.query)))

    @property
    def is_http(self) -> bool:
        return self.scheme in ("http", "https")

    @property
    def tables(self) -> list[str]:
        """The entries that a lake on an HTTP server names."""
        return [name.strip("/") for name in self.options.get("tables", "").split(",") if name.strip("/")]


@dataclass(frozen=True)
class LakeRules:
    """Where lakes may be that no definitions file has set: at the providers, and at addresses allowed for webhooks."""

    addresses: AddressRules

    def error(self, url: str) -> str | None:
        """Why this URL must not be used, in a sentence that doesn't quote it; None if it may."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        # A service account's key may name another server, too.
        leads_elsewhere = "endpoint" in options or "gcs_base_url" in options.get("service_account", "")
        return _ELSEWHERE if parts.scheme == "http" or leads_elsewhere else None

    def check(self, *urls: str | Path) -> None:
        """Raise SourceUnusable if one of these URLs must not be used. Takes what LocationRules take."""
        for url in urls:
            if sentence := self.error(str(url)):
                raise SourceUnusable(f"The data source's URL is not allowed. {sentence}")


def url_error(url: str) -> str | None:
    """What is wrong with the URL, in a sentence that doesn't quote it; None if nothing is."""
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        port = parts.port
    except ValueError:
        return _FORM
    options, is_http = dict(given), parts.scheme in ("http", "https")
    if parts.scheme not in _OPTIONS or not parts.hostname or parts.fragment or len(given) > len(options):
        return _FORM
    if unknown := sorted(options.keys() - _OPTIONS[parts.scheme]):
        return f"Must not set: {', '.join(unknown)[:200]}."
    if bool(parts.username) != bool(parts.password) or (parts.scheme == "gs" and parts.username):
        return _FORM
    if not is_http and (port or not _BUCKET.fullmatch(parts.netloc.rpartition("@")[2])):
        return _FORM
    if ".." in unquote(parts.path).split("/") or not _are_entries(options.get("tables", "")):
        return _FORM
    if is_http and not options.get("tables"):
        return "Must name the tables: https://host/folder?tables=a.parquet,b."
    if not _REGION.fullmatch(options.get("region", "x")):
        return "region must be the name of a region, such as eu-central-1."
    if parts.scheme == "az" and not _ACCOUNT.fullmatch(parts.username or ""):
        return "Must name the account: az://ACCOUNT:KEY@container/folder."
    if "endpoint" in options and not _ENDPOINT.fullmatch(options["endpoint"]):
        return "endpoint must be an http or https address without a path: endpoint=https://host:9000."
    return None


def _are_entries(tables: str) -> bool:
    return all(entry.strip("/") not in (".", "..") and "/" not in entry.strip("/") for entry in tables.split(","))
