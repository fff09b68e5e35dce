"""Columns of single values as exact text, as every format but Parquet writes them. The rules are in docs/formats.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import ColumnKind, kind_of, unwrapped
from reports.rendering.temporal_text import date_text, duration_text, interval_text, time_text, timestamp_text
from reports.rendering.text_arrays import TEXT


def scalar_text(array: pa.Array) -> pa.Array:
    """The values of a column that is not nested, as large_string. NULL stays NULL."""
    values = unwrapped(array)
    convert = _CONVERSIONS.get(kind_of(array.type))
    return convert(values) if convert else values.cast(TEXT)


def _decimal_text(array: pa.Array) -> pa.Array:
    """All digits with the zeros of the scale, and no exponent."""
    texts = array.cast(TEXT)
    # Arrow writes 0 as 0E-8 if its scale is 8. Like Java, it uses exponents beyond six zeros and for negative scales.
    if 0 <= array.type.scale <= 6:
        return texts
    has_exponent = pc.fill_null(pc.match_substring(texts, "E"), False)
    if not pc.any(has_exponent).as_py():
        return texts
    fixed = pa.array([format(Decimal(value), "f") for value in texts.filter(has_exponent).to_pylist()], TEXT)
    return pc.replace_with_mask(texts, has_exponent, fixed)


def _hexadecimal(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else value.hex() for value in array.to_pylist()], TEXT)


def _uuid_text(array: pa.Array) -> pa.Array:
    digits = _hexadecimal(array)
    groups = [pc.utf8_slice_codeunits(digits, *span) for span in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))]
    return pc.binary_join_element_wise(*groups, pa.scalar("-", TEXT))


#: The kinds that Arrow's own cast to text doesn't write the way it should.
_CONVERSIONS: Mapping[ColumnKind, Callable[[pa.Array], pa.Array]] = {
    ColumnKind.DECIMAL: _decimal_text,
    ColumnKind.DATE: date_text,
    ColumnKind.TIME: time_text,
    ColumnKind.TIMESTAMP: timestamp_text,
    ColumnKind.DURATION: duration_text,
    ColumnKind.INTERVAL: interval_text,
    ColumnKind.UUID: _uuid_text,
    ColumnKind.BINARY: _hexadecimal,
}
