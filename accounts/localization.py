"""Names of time zones, as in the IANA database, and of locales, as in CLDR: a language, often with a region."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from zoneinfo import available_timezones

from babel.core import Locale, UnknownLocaleError, get_global

NO_SUCH_ZONE = "There is no such time zone. Use a name like Europe/Berlin, America/New_York or UTC."
NO_SUCH_LANGUAGE = "The pages don't exist in this language."
#: If nothing else says how people write numbers and dates.
DEFAULT = "en"
NO_SUCH_LOCALE = "There is no such locale. Use a name like de-DE, en-US or fr."
#: Any other one can be entered.
_SUGGESTED_LOCALES = (
    "en-US", "en-GB", "de-DE", "de-CH", "fr-FR", "es-ES", "it-IT", "nl-NL", "pt-BR", "pl-PL", "sv-SE", "tr-TR", "ru-RU",
    "ar-EG", "hi-IN", "ja-JP", "zh-CN",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")


def is_time_zone(name: str) -> bool:
    return name in _names()


@cache
def _names() -> frozenset[str]:
    # Reads some hundred files.
    return frozenset(available_timezones())


@cache
def suggested_zones() -> list[str]:
    """The time zones of places. Any other one can be entered."""
    return sorted(_names().intersection(get_global("zone_territories")))


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


@lru_cache(maxsize=20)
def suggested_locales(language: str) -> list[tuple[str, str]]:
    """Some locales with their names in a language, such as `de`, to choose from."""
    shown_in = Locale.parse(language, sep="-")
    return [(name, str(locale(name).get_display_name(shown_in))) for name in _SUGGESTED_LOCALES]
