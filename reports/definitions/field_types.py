"""The values that fields of the definitions file may have, and the sentences that refuse others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BeforeValidator, Field

_SLUG = r"^[-a-zA-Z0-9_]+$"
_USERNAME = r"^[\w.@+-]+$"
_ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
USER_PREFIX = "user:"
_NO_DELIMITER = "Must be one character that is in no number, date or name, as , ; | or a tab."


def _without_nul(text: str) -> str:
    # PostgreSQL can't store it.
    if "\0" in text:
        raise ValueError("Must be a text without NUL characters.")
    return text


def _matching(pattern: str, sentence: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text) or text.endswith("\n"):
            raise ValueError(sentence)
        return text

    return check


def _not_an_id(slug: str) -> str:
    # The API takes an id or a slug in the same place.
    if _UUID.fullmatch(slug):
        raise ValueError("Must not look like an id.")
    return slug


def _not_a_page(slug: str) -> str:
    if slug == "new":
        raise ValueError("Must be another word: /reports/new is the page that makes a report.")
    return slug


def _email(address: str) -> str:
    try:
        validate_email(address)
    except DjangoValidationError:
        raise ValueError("Must be an e-mail address.") from None
    return address


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or re.search(r"\s", url):
        raise ValueError("Must be an http or https address.")
    if "@" in parts.netloc:
        raise ValueError("Must not hold a user name or password: definitions are shown to people.")
    return url


def _path_in_share(path: str) -> str:
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise ValueError("Must be a path inside of the file share: not absolute, no .. and no backslash.")
    return path


def _within_longest(seconds: int) -> int:
    if seconds > settings.LONGEST_JOB_SECONDS:
        raise ValueError(f"Must be {settings.LONGEST_JOB_SECONDS} or less: this server runs no job for longer.")
    return seconds


def _plain_path(location: str) -> str:
    # The value stays out of the sentence: it may hold a password.
    if "://" in location:
        raise ValueError("Must be a path. A URL is given by url_env, the name of an environment variable.")
    return location


def _a_principal(name: str) -> str:
    if name == USER_PREFIX:
        raise ValueError("Must be a role, or user: and a user name.")
    return name


_NUL_FREE = AfterValidator(_without_nul)
Text = Annotated[str, _NUL_FREE]
Name = Annotated[str, Field(min_length=1, max_length=200), _NUL_FREE]
Slug = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra={"pattern": _SLUG}),
    AfterValidator(_matching(_SLUG, "Must be letters, digits, - and _.")),
]
ThingSlug = Annotated[Slug, AfterValidator(_not_an_id)]
ReportSlug = Annotated[ThingSlug, AfterValidator(_not_a_page)]
TenantSlug = Annotated[Slug, Field(max_length=50)]
Username = Annotated[
    str,
    Field(min_length=1, max_length=150),
    AfterValidator(_matching(_USERNAME, "Must be letters, digits and @ . + - _.")),
]
EnvName = Annotated[
    str,
    Field(min_length=1, max_length=200, json_schema_extra={"pattern": _ENV_NAME}),
    AfterValidator(_matching(_ENV_NAME, "Must be the name of an environment variable: letters, digits and _.")),
]
Role = Annotated[str, Field(min_length=1, max_length=150), _NUL_FREE]
Principal = Annotated[str, Field(min_length=1, max_length=155), _NUL_FREE, AfterValidator(_a_principal)]
Email = Annotated[str, Field(max_length=254), _NUL_FREE, AfterValidator(_email)]
WebAddress = Annotated[str, Field(max_length=2000), _NUL_FREE, AfterValidator(_web_address)]
SharePath = Annotated[str, Field(min_length=1, max_length=500), _NUL_FREE, AfterValidator(_path_in_share)]
PlainPath = Annotated[str, Field(min_length=1, max_length=1000), _NUL_FREE, AfterValidator(_plain_path)]
JobSeconds = Annotated[int, Field(ge=1), AfterValidator(_within_longest)]
RowCount = Annotated[int, Field(ge=1, le=2**63 - 1)]
ByteCount = Annotated[int, Field(ge=1_000, le=2**63 - 1)]
Delimiter = Annotated[
    str,
    Field(min_length=1, max_length=1),
    AfterValidator(_matching(r"[^\"'\r\n\0\ufeffA-Za-z0-9.+:-]", _NO_DELIMITER)),
]
Template = Annotated[str, Field(min_length=1, max_length=200_000), _NUL_FREE]
Format = Literal["pdf", "csv", "xlsx", "json", "ndjson", "parquet", "html"]


def _flat(value: object) -> object:
    """A default, bound or choice: which JSON value it may be depends on the parameter's type, but it is never deep."""
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, (list, dict)) for item in items):
        raise ValueError("Must be a value or a list of values.")
    return value


FlatValue = Annotated[Any, BeforeValidator(_flat)]


def user_of(principal: str) -> str | None:
    """The user name in "user:bob"; None for a role."""
    return principal.removeprefix(USER_PREFIX) if principal.startswith(USER_PREFIX) else None


def principal_of(username: str) -> str:
    """How grants name a user."""
    return USER_PREFIX + username
