"""Types of the fields in definitions: limits, checks, and the sentences that refuse other values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BeforeValidator, Field

from accounts.attributes import NAME
from accounts.domains import NO_DOMAIN, is_domain
from accounts.localization import NO_SUCH_LOCALE, NO_SUCH_ZONE, is_locale, is_time_zone

_SLUG = r"^[-a-zA-Z0-9_]+$"
_USERNAME = r"^[\w.@+-]+$"
_ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: What numbers, dates and quoting need can't separate fields.
_DELIMITER = r"[^\"'\r\n\0\ufeffA-Za-z0-9.+:-]"

_DURATION = re.compile(r"([1-9][0-9]{0,3})([mhd])")
_MAX_FOLDERS = 5
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

#: How grants name a user: "user:bob". Other names are roles.
USER_PREFIX = "user:"


def user_of(principal: str) -> str | None:
    """Return the user name in "user:bob"; None for a role."""
    return principal.removeprefix(USER_PREFIX) if principal.startswith(USER_PREFIX) else None


def principal_of(username: str) -> str:
    return USER_PREFIX + username


def _matches(pattern: str, sentence: str) -> AfterValidator:
    def check(text: str) -> str:
        # `$` also matches before a line end at the end.
        if not re.fullmatch(pattern, text) or text.endswith("\n"):
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


def _check(is_right: Callable[[Any], bool], sentence: str) -> AfterValidator:
    def check(value: Any) -> Any:
        if not is_right(value):
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


def check_email(address: str) -> str:
    try:
        validate_email(address)
    except DjangoValidationError:
        raise ValueError("Must be an e-mail address.") from None
    return address


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web or re.search(r"\s", url):
        raise ValueError("Must be an http or https address.")
    if "@" in parts.netloc:
        raise ValueError("Must not contain a user name or password: definitions are shown to people.")
    return url


def is_relative_path(path: str) -> bool:
    """Whether a path stays below the folder that it is joined to."""
    return not (path.startswith("/") or "\\" in path or ".." in path.split("/"))


def _job_seconds(seconds: int) -> int:
    if seconds > settings.LONGEST_JOB_SECONDS:
        raise ValueError(f"Must be {settings.LONGEST_JOB_SECONDS} or less: no job on this server can take longer.")
    return seconds


def _flat(value: object) -> object:
    """The type of a default, bound or choice depends on the parameter's type, but it is never nested."""
    if any(isinstance(item, (list, dict)) for item in (value if isinstance(value, list) else [value])):
        raise ValueError("Must be a value or a list of values.")
    return value


def duration(text: str) -> timedelta:
    """Return the duration of a text such as "24h". Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("Must be a number of minutes, hours or days, like 90m, 24h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _check_duration(text: str) -> str:
    duration(text)
    return text


def storable(text: str) -> str:
    """Return the text. Raise ValueError if a database or an answer can't hold it."""
    if "\0" in text:
        raise ValueError("Must not contain NUL characters.")  # PostgreSQL can't store them
    # Half of a surrogate pair, which JSON can contain. No answer could be encoded with it.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("Must be valid Unicode text.")
    return text


def _folder(path: str) -> str:
    names = [" ".join(name.split()) for name in path.split("/")] if path.strip() else []
    if not all(names):
        raise ValueError('Put names between the "/", as in Sales/Europe.')
    if len(names) > _MAX_FOLDERS:
        raise ValueError(f"Use at most {_MAX_FOLDERS} folders inside each other.")
    return "/".join(names)


def _tag(tag: str) -> str:
    word = " ".join(tag.split())
    if not word:
        raise ValueError("Must not be empty.")
    return word


STORABLE = AfterValidator(storable)
Text = Annotated[str, STORABLE]
#: Where a report is in the catalogue: names with "/" between, the outermost first.
Folder = Annotated[Text, Field(max_length=200), AfterValidator(_folder)]
Tag = Annotated[Text, Field(max_length=50), AfterValidator(_tag)]
Name = Annotated[str, Field(min_length=1, max_length=200), STORABLE]
Slug = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra={"pattern": _SLUG}),
    _matches(_SLUG, "Use letters, digits, - and _ only."),
]
# The API takes an id or a slug in the same place.
ThingSlug = Annotated[Slug, _check(lambda slug: not _UUID.fullmatch(slug), "Must not look like an id.")]
ReportSlug = Annotated[
    ThingSlug,
    _check(lambda slug: slug != "new", "This name is reserved. Choose another."),
]
TenantSlug = Annotated[Slug, Field(max_length=50)]
SectionName = Annotated[
    str,
    Field(min_length=1, max_length=60, json_schema_extra={"pattern": _SLUG}),
    _matches(_SLUG, "Use letters, digits, - and _ only."),
]
Username = Annotated[
    str, Field(min_length=1, max_length=150), _matches(_USERNAME, "Use letters, digits and @ . + - _ only.")
]
EnvName = Annotated[
    str,
    Field(min_length=1, max_length=200, json_schema_extra={"pattern": _ENV_NAME}),
    _matches(_ENV_NAME, "Must be the name of an environment variable: letters, digits and _."),
]
AttributeName = Annotated[str, _matches(NAME, "Use letters, digits and _, not starting with a digit.")]
Role = Annotated[str, Field(min_length=1, max_length=150), STORABLE]
Principal = Annotated[
    str,
    Field(min_length=1, max_length=155),
    STORABLE,
    _check(lambda name: name != USER_PREFIX, "Must be a role, or user: and a user name."),
]
Email = Annotated[str, Field(max_length=254), STORABLE, AfterValidator(check_email)]
WebAddress = Annotated[str, Field(max_length=2000), STORABLE, AfterValidator(_web_address)]
SharePath = Annotated[
    str,
    Field(min_length=1, max_length=500),
    STORABLE,
    _check(is_relative_path, "Must be a path inside the file share: not absolute, without .. and backslashes."),
]
PlainPath = Annotated[
    str,
    Field(min_length=1, max_length=1000),
    STORABLE,
    # Doesn't quote the value, which may contain a password.
    _check(lambda path: "://" not in path, "Must be a path. For a URL, name an environment variable in url_env."),
]
TimeZone = Annotated[str, Field(min_length=1, max_length=64), _check(is_time_zone, NO_SUCH_ZONE)]
Domain = Annotated[str, Field(max_length=253), _check(is_domain, NO_DOMAIN)]
Locale = Annotated[str, Field(min_length=1, max_length=35), _check(is_locale, NO_SUCH_LOCALE)]
Duration = Annotated[str, AfterValidator(_check_duration)]
JobSeconds = Annotated[int, Field(ge=1), AfterValidator(_job_seconds)]
RowCount = Annotated[int, Field(ge=1, le=2**63 - 1)]
ByteCount = Annotated[int, Field(ge=1_000, le=2**63 - 1)]
Delimiter = Annotated[
    str,
    Field(min_length=1, max_length=1),
    _matches(_DELIMITER, "Must be one character that occurs in no number, date or name, for example , ; | or a tab."),
]
Template = Annotated[str, Field(min_length=1, max_length=200_000), STORABLE]
Format = Literal["pdf", "csv", "xlsx", "json", "ndjson", "parquet", "html"]
FlatValue = Annotated[Any, BeforeValidator(_flat)]
