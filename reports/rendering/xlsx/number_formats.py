"""CLDR patterns in the notation of Excel's number formats.

Excel and LibreOffice show the value of a cell by such a format, in the locale that stands in front of it. Excel takes
separators from the computer's settings all the same.
"""

from __future__ import annotations

import locale as windows
from functools import lru_cache

from babel.core import Locale, get_global

from accounts import localization as locales
from reports.rendering.column_kinds import NUMBERS
from reports.rendering.columns.date_format import tokens_of
from reports.rendering.columns.number_patterns import CompiledPattern, compiled
from reports.rendering.columns.numerals import numerals_of
from reports.rendering.columns.views import ColumnView

#: Excel's numbers of numeral shapes, by CLDR's names of numbering systems.
_SHAPES = {"arab": 2, "arabext": 3, "deva": 4, "beng": 5, "tibt": 15, "mymr": 16}
_DATE_FIELDS = {
    "y": "yyyy", "yy": "yy", "yyyy": "yyyy", "M": "m", "MM": "mm", "MMM": "mmm", "MMMM": "mmmm", "MMMMM": "mmmmm",
    "L": "m", "LL": "mm", "LLL": "mmm", "LLLL": "mmmm", "d": "d", "dd": "dd", "E": "ddd", "EE": "ddd", "EEE": "ddd",
    "EEEE": "dddd", "H": "h", "HH": "hh", "h": "h", "hh": "hh", "m": "m", "mm": "mm", "s": "s", "ss": "ss",
    "a": "AM/PM",
}  # fmt: skip
_PER_MILLE = 3
#: What dates and times need not quote.
_PLAIN_LITERALS = frozenset(" :-")


def excel_format(view: ColumnView) -> str:
    """The format of the column's cells; "" if it has no pattern, or Excel has nothing like it."""
    if not view.pattern:
        return ""
    if view.kind in NUMBERS:
        pattern = compiled(view.pattern, view.locale, view.options.currency)
        return _number_code(pattern, _locale_of_groups(view.locale, pattern.group_sizes))
    code = _date_code(view.pattern)
    return _locale_code(view.locale) + code if code else ""


def _number_code(pattern: CompiledPattern, locale_code: str) -> str:
    number = _digits(pattern)
    affixes = list(zip(pattern.prefixes, pattern.suffixes, strict=True))
    if not number or pattern.shift == _PER_MILLE:
        return ""
    affix = _percent if pattern.shift else _quoted
    positive, negative = (f"{locale_code}{affix(start)}{number}{affix(end)}" for start, end in affixes)
    # One part is enough if negative numbers only have a minus sign in front.
    is_usual = affixes[1] == (f"-{affixes[0][0]}", affixes[0][1])
    return positive if is_usual else f"{positive};{negative}"


def _digits(pattern: CompiledPattern) -> str:
    if not pattern.is_plain:
        return ""
    least, most = pattern.fraction_digits
    whole = "0" * max(1, pattern.least_digits)
    if pattern.group_sizes:
        size = pattern.group_sizes[0]
        whole = whole.rjust(size + 1, "#")
        whole = f"{whole[:-size]},{whole[-size:]}"
    return whole + ("." + "0" * least + "#" * (most - least) if most else "")


def _percent(text: str) -> str:
    # Outside of quotes, Excel multiplies by 100.
    return "%".join(map(_quoted, text.split("%")))


def _quoted(text: str) -> str:
    return '\\"'.join(f'"{part}"' if part else "" for part in text.split('"'))


def _date_code(pattern: str) -> str:
    tokens = tokens_of(pattern)
    fields = [text for text, is_field in tokens if is_field]
    has_half_days = any(field[0] == "a" for field in fields)
    if any(field[0] == "h" for field in fields) != has_half_days:
        return ""
    parts: list[str] = []
    for at, (text, is_field) in enumerate(tokens):
        if not is_field:
            before_fraction = tokens[at + 1][0][0] == "S" if at + 1 < len(tokens) and tokens[at + 1][1] else False
            is_point = before_fraction and text in (".", ",")
            parts.append("." if is_point else text if set(text) <= _PLAIN_LITERALS else _quoted(text))
        elif text[0] == "S" and len(text) <= 3 and at and parts[-1] == ".":
            parts.append("0" * len(text))
        elif text in _DATE_FIELDS:
            parts.append(_DATE_FIELDS[text])
        else:
            return ""
    # Without an hour before it or a second behind it, Excel takes a minute for a month.
    letters = "".join(field[0] for field in fields)
    before, _, after = letters.partition("m")
    is_clear = "m" not in letters or before[-1:] in ("h", "H") or after[:1] == "s"
    return "".join(parts) if is_clear else ""


def _locale_of_groups(name: str, sizes: tuple[int, int] | None) -> str:
    """The code of a locale with groups of these sizes: a format can't say them."""
    numerals, grouping = numerals_of(name), locales.locale(name).decimal_formats[None].grouping
    is_english = numerals.is_ascii and numerals.point == "." and numerals.group == ","
    if sizes is None or sizes == tuple(grouping) or not is_english:
        return _locale_code(name)
    return _locale_code("en-IN") if sizes == (3, 2) else ""


@lru_cache(maxsize=100)
def _locale_code(name: str) -> str:
    if name == locales.DEFAULT:
        return ""
    locale = locales.locale(name)
    full = locale if locale.territory else _likely(str(locale))
    number = _language_numbers().get(f"{full.language}_{full.territory}", 0)
    shape = _SHAPES.get(locale.default_numbering_system, 0)
    return f"[$-{shape << 24 | number:X}]" if number else ""


def _likely(name: str) -> Locale:
    return Locale.parse(get_global("likely_subtags").get(name, name))


@lru_cache(maxsize=1)
def _language_numbers() -> dict[str, int]:
    """Microsoft's numbers of languages, by names of locales."""
    return {name: number for number, name in reversed(windows.windows_locale.items())}
