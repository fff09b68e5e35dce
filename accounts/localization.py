"""Names of time zones, as in the IANA database, and of locales, as in CLDR: a language, often with a region."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from zoneinfo import available_timezones

from babel.core import Locale, UnknownLocaleError

NO_SUCH_ZONE = "There is no such time zone. Use a name like Europe/Berlin, America/New_York or UTC."
#: If nothing else says how people write numbers and dates.
DEFAULT = "en"
NO_SUCH_LOCALE = "There is no such locale. Use a name like de-DE, en-US or fr."
_NAME = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")


def is_time_zone(name: str) -> bool:
    return name in _names()


@cache
def _names() -> frozenset[str]:
    # Reads some hundred files.
    return frozenset(available_timezones())


def is_locale(name: str) -> bool:
    try:
        locale(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=200)
def locale(name: str) -> Locale:
    """Return the locale with this name, such as `de-DE`. Raises ValueError."""
    # Babel also takes names of variants, and `root`, which people don't mean.
    if not _NAME.fullmatch(name):
        raise ValueError(NO_SUCH_LOCALE)
    try:
        return Locale.parse(name, sep="-")
    except UnknownLocaleError:
        raise ValueError(NO_SUCH_LOCALE) from None
