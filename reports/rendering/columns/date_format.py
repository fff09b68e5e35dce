"""Columns of dates, times and timestamps as texts by a CLDR pattern, such as `dd.MM.yyyy HH:mm`.

Babel formats each day, hour, minute and second that occurs once; a column is put together from these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from functools import cached_property
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
from babel.dates import PATTERN_CHARS, DateTimeFormat, tokenize_pattern

from accounts import localization as locales
from reports.rendering.column_kinds import ColumnKind, kind_of, unwrapped
from reports.rendering.columns.numerals import numerals_of
from reports.rendering.infinity import counts
from reports.rendering.text_arrays import TEXT, concat

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400
#: From 0001-01-01 to 9999-12-31, as days since 1970-01-01.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
#: What a field depends on: fields of the day, of a part of it, and of the zone, which is always UTC.
_DAY_FIELDS, _ZONE_FIELDS = frozenset("GyYuQqMLwWdDFgEec"), frozenset("zZOvVxX")
#: By field: how many seconds its unit has, and how many units there are.
_CLOCK_FIELDS = {
    **dict.fromkeys("hHKka", (3_600, 24)), "m": (60, 60), "s": (1, 60),
}  # fmt: skip
#: Texts that are kept.
_MAX_KNOWN = 100_000
_BAD = "Must be a date pattern such as dd.MM.yyyy, or a number pattern such as #,##0.00 or 0.0%."
_KINDS = {
    ColumnKind.DATE: _DAY_FIELDS,
    ColumnKind.TIME: frozenset(_CLOCK_FIELDS) | {"S"},
    ColumnKind.TIMESTAMP: _DAY_FIELDS | frozenset(_CLOCK_FIELDS) | {"S"} | _ZONE_FIELDS,
}

#: A field, such as MMM, or a text between fields.
_Token = tuple[str, bool]


def date_pattern_error(pattern: str) -> str | None:
    """Why the pattern shows no date, as a sentence."""
    try:
        tokens = tokens_of(pattern)
    except ValueError:
        return _BAD
    fields = [field for field, is_field in tokens if is_field]
    if not fields:
        return _BAD
    unknown = next((field for field in fields if field[0] not in _KINDS[ColumnKind.TIMESTAMP]), None)
    return f"The field {unknown} is not supported." if unknown else None


def fits(pattern: str, kind: ColumnKind) -> bool:
    """Whether values of the kind have all that the pattern shows."""
    return all(field[0] in _KINDS[kind] for field, is_field in tokens_of(pattern) if is_field)


class DateFormat:
    """A pattern, compiled for columns."""

    def __init__(self, pattern: str, locale_name: str) -> None:
        self._locale = locales.locale(locale_name)
        self._numerals = numerals_of(locale_name)
        self._runs = [_Run(unit, tokens, self._text) for unit, tokens in _runs(tokens_of(pattern))]

    def texts(self, column: pa.Array, otherwise: pa.Array) -> pa.Array:
        """The text of each value; `otherwise` has those that the calendar can't show. NULL stays NULL."""
        kind, values = kind_of(column.type), unwrapped(column)
        days, ticks, per_second = _days_and_ticks(kind, values)
        shown = _is_shown(kind, days, ticks, per_second)
        if not pc.all(shown, min_count=0).as_py():
            days, ticks = pc.if_else(shown, days, None), pc.if_else(shown, ticks, None)
        parts = [run.texts(days, ticks, per_second) for run in self._runs]
        texts = concat(*parts) if len(parts) > 1 else parts[0]
        return pc.coalesce(texts, otherwise) if texts.null_count else texts

    def _text(self, value: datetime, tokens: Sequence[_Token]) -> str:
        formatter = DateTimeFormat(value, self._locale)
        # Babel writes ASCII digits in all locales. Names of days and months contain none.
        return "".join(
            self._numerals.translated(str(formatter[text])) if is_field else text for text, is_field in tokens
        )


class _Run:
    """Neighboring fields that depend on the same part of a value, with the texts around them."""

    def __init__(
        self, unit: str, tokens: Sequence[_Token], text_of: Callable[[datetime, Sequence[_Token]], str]
    ) -> None:
        self._unit = unit
        self._tokens = tokens
        self._text_of = text_of
        #: By day, or by fraction of a second.
        self._known: dict[int, str | None] = {}

    def texts(self, days: pa.Array, ticks: pa.Array, per_second: int) -> pa.Array:
        if self._unit == "day":
            return self._by_distinct(days, _date)
        if self._unit == "fraction":
            in_second = 1_000_000 // per_second if per_second < 1_000_000 else 1
            microseconds = pc.multiply(_modulo(ticks, per_second), in_second)
            if per_second > 1_000_000:
                microseconds = pc.divide(microseconds, per_second // 1_000_000)
            return self._by_distinct(microseconds, lambda number: _moment(0, number))
        seconds, number = _CLOCK_FIELDS[self._unit]
        return self._clock_table.take(_modulo(pc.divide(ticks, seconds * per_second), number))

    @cached_property
    def _clock_table(self) -> pa.Array:
        seconds, number = _CLOCK_FIELDS[self._unit]
        return pa.array([self._text_of(_moment(at * seconds, 0), self._tokens) for at in range(number)], TEXT)

    def _by_distinct(self, numbers: pa.Array, value_of: Callable[[int], datetime]) -> pa.Array:
        distinct = numbers.dictionary_encode()
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        texts = []
        for number in distinct.dictionary.to_pylist():
            if number is not None and number not in self._known:
                try:
                    self._known[number] = self._text_of(value_of(number), self._tokens)
                except ValueError:
                    # Babel doesn't know the last weeks of the year 9999.
                    self._known[number] = None
            texts.append(self._known.get(number))
        return pa.array(texts, TEXT).take(distinct.indices)


def _runs(tokens: Sequence[_Token]) -> Iterator[tuple[str, list[_Token]]]:
    """The tokens in runs, with what each run depends on. A text, and the zone, go with the field before them."""
    unit = next((_unit(token) for token in tokens if _unit(token)), "day")
    units = []
    for token in tokens:
        unit = _unit(token) or unit
        units.append((unit, token))
    for unit, run in groupby(units, key=lambda pair: pair[0]):
        yield unit, [token for _, token in run]


def _unit(token: _Token) -> str:
    """What a field depends on: a day, a fraction, or one of the clock's units by the field that stands for it."""
    text, is_field = token
    if not is_field or text[0] in _ZONE_FIELDS:
        return ""
    if text[0] in _DAY_FIELDS:
        return "day"
    return "fraction" if text[0] == "S" else text[0]


def tokens_of(pattern: str) -> list[_Token]:
    """The pattern's fields and the texts between them; fields are marked by True. Raises ValueError."""
    tokens: list[_Token] = []
    # CLDR reserves all letters outside of quotes; Babel takes those that it doesn't know for text.
    if set(re.findall(r"[A-Za-z]", re.sub(r"'[^']*'", "", pattern))) - PATTERN_CHARS.keys() or pattern.count("'") % 2:
        raise ValueError(_BAD)
    for kind, value in tokenize_pattern(pattern):
        if kind == "chars":
            tokens.append((str(value), False))
            continue
        character, length = str(value[0]), int(value[1])
        lengths = PATTERN_CHARS.get(character, [])
        if lengths is not None and length not in lengths:
            raise ValueError(_BAD)
        tokens.append((character * length, True))
    return tokens


def _days_and_ticks(kind: ColumnKind, values: pa.Array) -> tuple[pa.Array, pa.Array, int]:
    """Days since 1970, ticks since midnight, and the number of ticks in a second."""
    numbers = counts(values).cast(pa.int64())
    if kind is ColumnKind.DATE:
        return numbers, pc.multiply(numbers, 0), 1
    per_second = _PER_SECOND[values.type.unit]
    if kind is ColumnKind.TIME:
        return pc.multiply(numbers, 0), numbers, per_second
    per_day = per_second * _DAY
    days = pc.divide(numbers, per_day)
    ticks = pc.subtract(numbers, pc.multiply(days, per_day))
    # Arrow rounds towards zero.
    is_before = pc.less(ticks, 0)
    if pc.any(is_before).as_py():
        days = pc.subtract(days, is_before.cast(pa.int64()))
        ticks = pc.add(ticks, pc.multiply(is_before.cast(pa.int64()), per_day))
    return days, ticks, per_second


def _is_shown(kind: ColumnKind, days: pa.Array, ticks: pa.Array, per_second: int) -> pa.Array:
    if kind is ColumnKind.TIME:
        # 24:00:00 is none of a day's times.
        return pc.and_(pc.greater_equal(ticks, 0), pc.less(ticks, _DAY * per_second))
    return pc.and_(pc.greater_equal(days, _FIRST_DAY), pc.less_equal(days, _LAST_DAY))


def _modulo(numbers: pa.Array, divisor: int) -> pa.Array:
    return pc.subtract(numbers, pc.multiply(pc.divide(numbers, divisor), divisor))


def _date(day: int) -> datetime:
    # With its zone, which the pattern may show.
    return datetime.combine(date.fromordinal(day + date(1970, 1, 1).toordinal()), time.min, UTC)


def _moment(second: int, microsecond: int) -> datetime:
    return datetime(1970, 1, 1, second // 3_600, second // 60 % 60, second % 60, microsecond, tzinfo=UTC)
