"""CLDR number patterns, such as `#,##0.00`, as Babel reads them."""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from functools import cached_property, lru_cache

from babel import numbers
from babel.numbers import NumberPattern

from accounts import localization as locales
from reports.rendering.columns.numerals import numerals_of

#: PostgreSQL's numeric has at most 147,456 digits.
EXACT = Context(prec=200_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
_QUOTED = re.compile(r"'[^']*'")
#: A pattern is one of numbers if it has a place for a digit.
_DIGIT_PLACE = re.compile(r"[0#@]")
#: With # before 0, and digits on both sides of each separator.
_NUMBER = re.compile(r"(?![#,]*[0,]*0,*#)[#0]+(,[#0]+)*(\.0*#*)?(E\+?0+)?|@+#*")
_MAX_DIGITS = 40
_BAD = "Must be a number pattern such as #,##0.00 or 0.0%, or a date pattern such as dd.MM.yyyy."


def is_number_pattern(pattern: str) -> bool:
    return bool(_DIGIT_PLACE.search(_QUOTED.sub("", pattern)))


def number_pattern_error(pattern: str) -> str | None:
    """Why Babel's reading of the pattern would surprise, as a sentence."""
    for part in pattern.split(";", 1):
        bare = _QUOTED.sub("", part)
        places = re.search(r"[0#@][0#@.,E+]*", bare)
        if "'" in bare or not places or not _NUMBER.fullmatch(places[0]) or len(places[0]) > _MAX_DIGITS:
            return _BAD
        outside = bare.replace(places[0], "", 1)
        if re.search(r"[0-9#@.,*]", outside) or bare.count("%") + bare.count("‰") > 1:
            return _BAD
        if re.search(r"[A-Za-z]", outside):
            return "Put letters in single quotes: 0.0 'km'."
    return None


class CompiledPattern:
    """A number pattern in a locale, perhaps with a currency, taken apart once."""

    def __init__(self, pattern: str, locale_name: str, currency: str = "") -> None:
        self.currency = currency
        self.numerals = numerals_of(locale_name)
        self._locale = locales.locale(locale_name)
        self._parsed: NumberPattern = numbers.parse_pattern(pattern)

    @property
    def is_plain(self) -> bool:
        """False for exponents and significant digits."""
        return self._parsed.exp_prec is None and "@" not in (self._parsed.number_pattern or "")

    @property
    def shift(self) -> int:
        """How many places a number moves for percent or per mille."""
        # Babel's own scale counts quoted signs, too, which are plain text.
        signs = _QUOTED.sub("", "".join(self._parsed.prefix + self._parsed.suffix))
        return 2 if "%" in signs else 3 if "‰" in signs else 0

    @cached_property
    def prefixes(self) -> tuple[str, str]:
        """Before positive and before negative numbers."""
        return self._affix(self._parsed.prefix[0]), self._affix(self._parsed.prefix[1])

    @cached_property
    def suffixes(self) -> tuple[str, str]:
        return self._affix(self._parsed.suffix[0]), self._affix(self._parsed.suffix[1])

    @property
    def fraction_digits(self) -> tuple[int, int]:
        """The least and the most of them."""
        least, most = self._parsed.frac_prec
        return int(least), int(most)

    @property
    def least_digits(self) -> int:
        """Left of the point."""
        return int(self._parsed.int_prec[0])

    @property
    def group_sizes(self) -> tuple[int, int] | None:
        """Of the group next to the point, and of the others."""
        first, others = self._parsed.grouping
        return None if first >= 1000 else (int(first), int(others))

    def fraction(self, digits: str) -> str:
        """The end of a number with as many fraction digits as the pattern allows, in ASCII: the point, and those of
        the digits that are shown."""
        least = self.fraction_digits[0]
        shown = digits[:least] + digits[least:].rstrip("0")
        return self.numerals.point + self.numerals.translated(shown) if shown else ""

    def units_text(self, units: int, *, negative: bool) -> str:
        """The text of a number that was rounded, without its sign, to a whole number of the smallest place."""
        most = self.fraction_digits[1]
        digits = f"{units:0{most + max(1, self.least_digits)}d}"
        whole, fraction = (digits[:-most], digits[-most:]) if most else (digits, "")
        number = self._grouped(whole) + self.fraction(fraction)
        return f"{self.prefixes[negative]}{number}{self.suffixes[negative]}"

    def decimal_text(self, value: Decimal) -> str:
        """The text of any finite number."""
        with localcontext(EXACT):
            if self.is_plain:
                return self.units_text(self.units(value), negative=value < 0)
            # Without the sign of a negative zero, and with the scale of `shift`.
            value = value.scaleb(self.shift - int(self._parsed.scale)) if value else Decimal(0)
            text = self._parsed.apply(
                value, self._locale, self.currency or None, currency_digits=False, numbering_system="default"
            )
        return self.numerals.translated(str(text))

    def units(self, value: Decimal) -> int:
        """The number without its sign, rounded to a whole number of the smallest place. A half goes to the even one."""
        with localcontext(EXACT):
            return int(abs(value).scaleb(self.shift + self.fraction_digits[1]).to_integral_value())

    def _grouped(self, digits: str) -> str:
        if self.group_sizes is None:
            return self.numerals.translated(digits)
        size, others = self.group_sizes
        groups = []
        while len(digits) > size:
            groups.append(digits[-size:])
            digits, size = digits[:-size], others
        return self.numerals.translated(digits) + "".join(
            self.numerals.group + self.numerals.translated(group) for group in reversed(groups)
        )

    def _affix(self, text: str) -> str:
        if self.currency:
            name = numbers.get_currency_name(self.currency, locale=self._locale)
            text = text.replace("¤¤¤", name).replace("¤¤", self.currency)
            text = text.replace("¤", numbers.get_currency_symbol(self.currency, self._locale))
        return re.sub(r"'([^']*)'", lambda match: match[1] or "'", text)


@lru_cache(maxsize=500)
def compiled(pattern: str, locale_name: str, currency: str) -> CompiledPattern:
    return CompiledPattern(pattern, locale_name, currency)


def currency_pattern(locale_name: str, currency: str) -> str:
    """The locale's pattern for amounts of money, with the decimal places of the currency."""
    places = numbers.get_currency_precision(currency)
    pattern = str(locales.locale(locale_name).currency_formats["standard"].pattern)
    return re.sub(r"0\.0+", f"0.{'0' * places}" if places else "0", pattern)


def is_currency(code: str) -> bool:
    return numbers.is_currency(code)
