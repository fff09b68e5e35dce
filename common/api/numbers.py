"""How many digits numbers keep, and numbers of JSON and YAML with the digits that a float can't hold."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from math import inf

#: Any number with as many significant digits survives the way to a float and back (DBL_DIG of C).
FLOAT_DIGITS = 15
#: The most digits of the decimals that all programs read, those of 128 bits, and of Arrow's longest, of 256 bits.
DECIMAL_DIGITS, LONG_DECIMAL_DIGITS = 38, 76


class RoundedFloat(float):
    """The float next to a number that no float has. `exact` is the number as it was written."""

    exact: Decimal


def read_float(literal: str) -> float:
    """Return the float that prints as this number, or else a RoundedFloat: 9007199254740993.0 isn't …992."""
    value = float(literal)
    if len(literal) <= FLOAT_DIGITS and 0 < abs(value) < inf:
        return value
    try:
        exact = Decimal(literal)
    except InvalidOperation:  # an exponent of more digits than any number has
        return value
    if Decimal(repr(value)) == exact:
        return value
    rounded = RoundedFloat(value)
    rounded.exact = exact
    return rounded


def exact(value: float) -> Decimal:
    """Return the number as it was written: 0.1 means 0.1, not the binary fraction next to it."""
    return value.exact if isinstance(value, RoundedFloat) else Decimal(repr(value))
