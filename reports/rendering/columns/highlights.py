"""Conditions under which a value stands out, such as `> 30`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.rendering.column_kinds import ColumnKind, kind_of, unwrapped
from reports.rendering.columns.number_units import decimals_of
from reports.rendering.columns.options import Highlight
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import TEXT

#: From the most to the least severe; a value is highlighted by the number of its style here.
STYLES = ("bad", "warning", "good")

_CONDITION = re.compile(r"\s*(<=|>=|!=|=|<|>)\s*(\S.*?)\s*", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_MAX_NUMBER = 60
_BAD = "Must be <, <=, =, !=, >= or > and a value: > 30, = 'late', < 2026-01-31. Put texts in quotation marks."
_KERNELS: Mapping[str, Callable[..., pa.Array]] = {
    "<": pc.less, "<=": pc.less_equal, "=": pc.equal, "!=": pc.not_equal, ">=": pc.greater_equal, ">": pc.greater,
}  # fmt: skip
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, "=": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
_TEXTS = frozenset({ColumnKind.TEXT, ColumnKind.JSON, ColumnKind.UUID})
_EXACT_KINDS = frozenset({ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.NUMERIC_TEXT})

#: What a value is compared with.
Literal = Decimal | bool | str | date | datetime


def condition_error(when: str) -> str | None:
    """Why this is no condition, as a sentence."""
    try:
        operator_, value = _parsed(when)
    except ValueError as error:
        return str(error)
    if isinstance(value, bool) and operator_ not in ("=", "!="):
        return "true and false can only be compared with = and !=."
    return None


def kind_error(when: str, data_type: pa.DataType) -> str | None:
    """Why the condition doesn't fit a column of this type, as the end of a sentence."""
    kind, (_, value) = kind_of(data_type), _parsed(when)
    return None if kind is ColumnKind.NULL or _fits(kind, value) else f"compares with {_name(value)}"


def highlighted(column: pa.Array, rules: Sequence[Highlight]) -> pa.Array:
    """The number of each value's style in STYLES, NULL where no condition is met. The first that is met counts."""
    kind, values = kind_of(column.type), unwrapped(column)
    numbers: pa.Array = pa.nulls(len(values), pa.int8())
    for rule in reversed(rules):
        symbol, literal = _parsed(rule.when)
        if _fits(kind, literal):
            met = pc.fill_null(_compared(values, kind, symbol, literal), False)
            numbers = pc.if_else(met, pa.scalar(STYLES.index(rule.style), pa.int8()), numbers)
    return numbers


def _parsed(when: str) -> tuple[str, Literal]:
    """Raises ValueError with a sentence."""
    match = _CONDITION.fullmatch(when)
    if not match:
        raise ValueError(_BAD)
    return match[1], _literal(match[2])


def _literal(text: str) -> Literal:
    if _QUOTED.fullmatch(text):
        return text[1:-1]
    if _NUMBER.fullmatch(text) and len(text) <= _MAX_NUMBER:
        return Decimal(text)
    if text in ("true", "false"):
        return text == "true"
    try:
        return datetime.fromisoformat(text) if len(text) > len("2026-01-31") else date.fromisoformat(text)
    except ValueError:
        raise ValueError(_BAD) from None


def _fits(kind: ColumnKind, value: Literal) -> bool:
    if isinstance(value, bool):
        return kind is ColumnKind.BOOLEAN
    if isinstance(value, Decimal):
        return kind is ColumnKind.FLOAT or kind in _EXACT_KINDS
    if isinstance(value, str):
        return kind in _TEXTS
    return kind is ColumnKind.TIMESTAMP or (kind is ColumnKind.DATE and not isinstance(value, datetime))


def _compared(values: pa.Array, kind: ColumnKind, symbol: str, literal: Any) -> pa.Array:
    compare = _KERNELS[symbol]
    if isinstance(literal, str):
        return compare(scalar_text(values), pa.scalar(literal, TEXT))
    if isinstance(literal, Decimal):
        return _compared_numbers(values, kind, symbol, literal)
    if isinstance(literal, date):
        return compare(values, _moment(literal, values.type))
    return compare(values, pa.scalar(literal))


def _compared_numbers(values: pa.Array, kind: ColumnKind, symbol: str, literal: Decimal) -> pa.Array:
    if kind is ColumnKind.FLOAT:
        return _KERNELS[symbol](values, float(literal))
    is_short = kind is ColumnKind.INTEGER and not pa.types.is_uint64(values.type)
    if is_short and literal == literal.to_integral_value() and abs(literal) < 2**62:
        return _KERNELS[symbol](values.cast(pa.int64()), int(literal))
    distinct = values.dictionary_encode()
    compare = _OPERATORS[symbol]
    results = [
        None if number is None or number.is_nan() else compare(number, literal)
        for number in decimals_of(distinct.dictionary, kind)
    ]
    return pa.array(results, pa.bool_()).take(distinct.indices)


def _moment(literal: date, data_type: pa.DataType) -> pa.Scalar:
    if pa.types.is_date(data_type):
        return pa.scalar(literal, data_type)
    moment = literal if isinstance(literal, datetime) else datetime(literal.year, literal.month, literal.day)  # noqa: DTZ001 -- compared with values without a zone
    if data_type.tz:
        return pa.scalar(moment.replace(tzinfo=moment.tzinfo or UTC), data_type)
    return pa.scalar(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, data_type)


def _name(value: Literal) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Decimal):
        return "a number"
    return "a text" if isinstance(value, str) else "a date"
