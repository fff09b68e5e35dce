"""Numbers of JSON files: as they are written, and the types that keep all of their digits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntFlag
from math import isfinite

from common.api.numbers import DECIMAL_DIGITS, FLOAT_DIGITS

_INT64 = r"-?(?:[0-9]{1,18}|[1-8][0-9]{18})"
#: A number with a point or an exponent, without its sign.
REAL = r"[0-9]+(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
_SPECIAL = r"-?(?i:nan|inf(?:inity)?)"


class JsonKind(IntFlag):
    """What a value is. NULL is of any kind."""

    BOOLEAN = 1
    INTEGER = 2
    REAL = 4
    #: NaN and infinities, which are not JSON, but which many programs write.
    SPECIAL = 8
    TEXT = 16
    LIST = 32
    OBJECT = 64


ALL_NUMBERS = JsonKind.INTEGER | JsonKind.REAL | JsonKind.SPECIAL


class Integer(str):
    """An integer as it is written."""

    __slots__ = ()


class Real(str):
    """A number with a point or an exponent, as it is written."""

    __slots__ = ()


class Special(str):
    """NaN or an infinity."""

    __slots__ = ()


@dataclass
class Numbers:
    """What the numbers at one place have in common."""

    whole_digits: int = 1
    fraction_digits: int = 0
    has_exponents: bool = False
    #: Whether there is an integer of more than 64 bits.
    is_wide: bool = False
    #: Whether a double would lose digits of an integer, of a real.
    has_long_integers: bool = False
    has_long_reals: bool = False

    def add_integer(self, token: str) -> None:
        digits = len(token.lstrip("-"))
        self.whole_digits = max(self.whole_digits, digits)
        if digits > FLOAT_DIGITS:
            self.is_wide |= not -(2**63) <= Decimal(token) < 2**63
            self.has_long_integers |= not _is_double(token)

    def add_real(self, token: str) -> None:
        whole, _, fraction = token.lstrip("-").partition(".")
        has_exponent = "e" in token or "E" in token
        if has_exponent:
            self.has_exponents = True
        else:
            self.whole_digits = max(self.whole_digits, len(whole))
            self.fraction_digits = max(self.fraction_digits, len(fraction))
        if has_exponent or len(whole) + len(fraction) > FLOAT_DIGITS:
            self.has_long_reals |= not _is_double(token)

    def merge(self, other: Numbers) -> None:
        for name, value in vars(other).items():
            setattr(self, name, max(getattr(self, name), value))

    def type(self, kinds: JsonKind) -> str:
        """The narrowest of DuckDB's types that keeps all digits of numbers of these kinds; varchar if there is none."""
        digits = self.whole_digits + self.fraction_digits
        long_decimal = f"decimal({DECIMAL_DIGITS},{self.fraction_digits})"
        if kinds == JsonKind.INTEGER:
            if not self.is_wide:
                return "bigint"
            return long_decimal if digits <= DECIMAL_DIGITS else "varchar"
        has_scale = not self.has_exponents and not kinds & JsonKind.SPECIAL
        if has_scale and digits <= FLOAT_DIGITS:
            return f"decimal({FLOAT_DIGITS},{self.fraction_digits})"
        if not self.has_long_integers and not self.has_long_reals:
            return "double"
        return long_decimal if has_scale and digits <= DECIMAL_DIGITS else "varchar"

    def fit_doubles(self, kinds: JsonKind) -> bool:
        """Whether DuckDB's parser, which reads reals as doubles, loses no digit."""
        return not kinds & JsonKind.REAL or not self.type(kinds).startswith((f"decimal({DECIMAL_DIGITS}", "varchar"))

    def pattern(self, kinds: JsonKind) -> str:
        """A regular expression for numbers that have the type. It doesn't know whether a double holds all digits."""
        type = self.type(kinds)
        special = f"|{_SPECIAL}" if kinds & JsonKind.SPECIAL else ""
        if type == "bigint":
            return _INT64
        if type == "double":
            return f"-?(?:[0-9]{{1,{FLOAT_DIGITS}}}|{REAL}){special}"
        if type == "varchar":
            return f"-?(?:[0-9]+|{REAL}){special}"
        width = FLOAT_DIGITS if type.startswith(f"decimal({FLOAT_DIGITS}") else DECIMAL_DIGITS
        fraction = rf"(?:\.[0-9]{{1,{self.fraction_digits}}})?" if self.fraction_digits else ""
        return f"-?[0-9]{{1,{width - self.fraction_digits}}}{fraction}"


def _is_double(token: str) -> bool:
    """Whether a double is written with the same digits as this number."""
    value = float(token)
    try:
        return isfinite(value) and Decimal(repr(value)) == Decimal(token)
    except InvalidOperation:
        # The exponent has more than 18 digits.
        return False
