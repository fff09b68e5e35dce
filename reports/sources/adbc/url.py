"""URLs of ADBC sources: `adbc://DRIVER?option=value&…`, with the options of the driver's database.

The driver is the name of an installed package (`snowflake` for `adbc-driver-snowflake`), or of a driver manifest (ADBC,
"Driver manifests"). Options whose names begin with `adbc.connection.` are those of the connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from reports.exceptions import SourceUnusable
from reports.sources.drivers.urls import dialect_of

_FORM = "Must be like adbc://snowflake?uri=…&username=…: the name of the driver, and its options, percent-encoded."
#: Never a path: the driver manager would load any library.
_DRIVER = re.compile(r"[a-z][a-z0-9_]{0,50}")
_OF_CONNECTION = "adbc.connection."
_SECRET_WORDS = ("password", "secret", "token", "key", "credential", "auth")
#: How to load a driver, and what keeps it from writing and from reading other files. These win over the URL's options.
_FIXED = {
    "duckdb": {
        "entrypoint": "duckdb_adbc_init",
        "access_mode": "READ_ONLY",
        "enable_external_access": "false",
        "lock_configuration": "true",
    },
}


@dataclass(frozen=True)
class AdbcUrl:
    """A driver with its options, some of which are secret."""

    driver: str
    options: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> AdbcUrl:
        """Raises SourceUnusable."""
        if sentence := url_error(url):
            raise SourceUnusable(f"The data source's URL is not valid. {sentence}")
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(parts.netloc, options | _FIXED.get(parts.netloc, {}))

    @property
    def dialect(self) -> str:
        """The SQL dialect, as `placeholders.DIALECTS` names it."""
        return dialect_of(f"adbc://{self.driver}")

    @property
    def of_database(self) -> dict[str, str]:
        options = {name: value for name, value in self.options.items() if not name.startswith(_OF_CONNECTION)}
        if self.driver == "sqlite":
            options["uri"] = _read_only_sqlite(options.get("uri", ""))
        return options

    @property
    def of_connection(self) -> dict[str, str]:
        return {name: value for name, value in self.options.items() if name.startswith(_OF_CONNECTION)}

    @property
    def is_read_only(self) -> bool:
        """Whether these options alone keep the driver from writing."""
        return self.driver in ("sqlite", "duckdb")

    def without_secrets(self, text: str) -> str:
        """The text of a driver, in case it repeats an option that is secret."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> Iterator[str]:
        for name, value in self.options.items():
            if value and any(word in name.lower() for word in _SECRET_WORDS):
                yield value
            if found := re.search(r"://[^/?#@]*?:([^/?#]+)@", value):
                yield from {found[1], unquote(found[1])}


def url_error(url: str) -> str | None:
    """What is wrong with the URL, in a sentence that doesn't quote it; None if nothing is."""
    try:
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return _FORM
    if parts.scheme != "adbc" or parts.path or parts.fragment or not _DRIVER.fullmatch(parts.netloc):
        return _FORM
    names = [name for name, _ in options]
    if "driver" in names or "profile" in names:
        return "The options can't be driver or profile. The driver is the name after adbc://."
    if len(set(names)) < len(names):
        return "An option is given twice."
    if parts.netloc == "postgresql" and names != ["uri"]:
        return "The only option of the driver postgresql is uri, with postgresql://…."
    return None


def postgresql_url(url: str) -> str | None:
    """The server's URL if the driver is PostgreSQL's, which has a kind of its own; None for other drivers."""
    return AdbcUrl.of(url).options["uri"] if url.startswith("adbc://postgresql?") else None


def _read_only_sqlite(uri: str) -> str:
    """The file as a URI with which SQLite can't write it, nor create one."""
    if not uri.startswith("file:"):
        uri = "file:" + uri.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    path, _, query = uri.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("mode=")]
    return f"{path}?{'&'.join([*kept, 'mode=ro'])}"
