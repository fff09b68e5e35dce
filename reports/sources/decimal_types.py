"""Arrow's decimals, by the digits that a column has."""

from __future__ import annotations

import pyarrow as pa

from common.api.numbers import DECIMAL_DIGITS, LONG_DECIMAL_DIGITS


def decimal_type(digits: int, scale: int) -> pa.DataType | None:
    """The decimal of so many digits, `scale` of them after the point; None if Arrow has none that long."""
    if digits > LONG_DECIMAL_DIGITS:
        return None
    return pa.decimal128(digits, scale) if digits <= DECIMAL_DIGITS else pa.decimal256(digits, scale)
