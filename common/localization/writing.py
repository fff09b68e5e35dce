"""Numbers, dates and times as the reader of a page writes them. A middleware says who that is (`writing`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from babel.core import Locale
from babel.dates import format_skeleton, format_time, get_timezone_location
from babel.numbers import format_decimal
from django.utils import timezone

#: How pages are written unless their reader wants something else, by language: with the day before the month.
_OF_LANGUAGES = {"en": "en_GB"}
_ENGLISH = Locale.parse(_OF_LANGUAGES["en"])
_current: ContextVar[Locale] = ContextVar("locale", default=_ENGLISH)


@contextmanager
def writing(locale: Locale) -> Iterator[None]:
    """Write as in this locale until the end of the block."""
    token = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(token)


def locale_of_language(language: str) -> Locale:
    """The locale of pages in this language, such as `de` or `pt-br`."""
    return Locale.parse(_OF_LANGUAGES.get(language, language.replace("-", "_")))


def in_readers_zone(at: datetime) -> datetime:
    return at.astimezone(timezone.get_current_timezone())


def number(value: float, digits: int = 0) -> str:
    """The number with this many digits after the decimal separator."""
    if isinstance(value, int) and not digits:
        return format_decimal(value, locale=_current.get())
    return format_decimal(value, f"#,##0.{'0' * digits}" if digits else "#,##0", locale=_current.get())


def day(at: datetime) -> str:
    """The day in the reader's time zone; without the year if it is the current one."""
    local = in_readers_zone(at)
    skeleton = "MMMd" if local.year == in_readers_zone(timezone.now()).year else "yMMMd"
    return format_skeleton(skeleton, local, locale=_current.get())


def clock_time(at: datetime, *, seconds: bool = True) -> str:
    """The time of day in the reader's time zone."""
    local = in_readers_zone(at)
    return format_time(local, "medium" if seconds else "short", tzinfo=local.tzinfo, locale=_current.get())


def zone_name() -> str:
    """The reader's time zone for people: its city, such as Berlin, or UTC."""
    key = str(timezone.get_current_timezone())
    city = "/" in key and not key.startswith("Etc/")
    return get_timezone_location(key, locale=_current.get(), return_city=True) if city else key
