"""How a locale writes digits and separators."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from babel import numbers

from accounts import localization as locales

#: The digit 0 of the numbering systems that are some locale's default. The other digits follow it.
_ZEROS = {
    "arab": 0x660, "arabext": 0x6F0, "nkoo": 0x7C0, "deva": 0x966, "beng": 0x9E6, "tibt": 0xF20, "mymr": 0x1040,
    "olck": 0x1C50, "mtei": 0xABF0, "cakm": 0x11136, "hmnp": 0x1E140, "adlm": 0x1E950,
}  # fmt: skip
_ASCII = "0123456789"


class Numerals(NamedTuple):
    """The digits from 0 to 9, and the separators."""

    digits: str
    point: str
    group: str

    @property
    def is_ascii(self) -> bool:
        return self.digits == _ASCII

    def translated(self, text: str) -> str:
        """The text with the locale's digits in place of ASCII's."""
        return text if self.is_ascii else text.translate(str.maketrans(_ASCII, self.digits))


@lru_cache(maxsize=200)
def numerals_of(locale_name: str) -> Numerals:
    """The numerals of a locale's default numbering system."""
    locale = locales.locale(locale_name)
    zero = _ZEROS.get(locale.default_numbering_system, ord("0"))
    system = "latn" if zero == ord("0") else locale.default_numbering_system
    return Numerals(
        "".join(chr(zero + digit) for digit in range(10)),
        numbers.get_decimal_symbol(locale, numbering_system=system),
        numbers.get_group_symbol(locale, numbering_system=system),
    )
