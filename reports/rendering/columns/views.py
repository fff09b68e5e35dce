"""Columns as people see them: heading, texts, alignment and highlights, in html, pdf and xlsx."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import pyarrow as pa

from reports.exceptions import DesignMismatch
from reports.rendering.column_kinds import NUMBERS, SPANS, TEMPORAL, ColumnKind, kind_of, unwrapped
from reports.rendering.column_lookup import column_index
from reports.rendering.columns import date_format, highlights
from reports.rendering.columns.date_format import DateFormat
from reports.rendering.columns.default_texts import default_text
from reports.rendering.columns.number_format import NumberFormat
from reports.rendering.columns.number_patterns import compiled, currency_pattern, is_number_pattern
from reports.rendering.columns.numerals import numerals_of
from reports.rendering.columns.options import ColumnOptions, humanized

_NO_OPTIONS = ColumnOptions()
#: Rows for which looking for repeated values doesn't pay.
_FEW = 100


class ColumnView:
    """One column of a result. A format that doesn't fit its values changes nothing: `mismatches` tells."""

    def __init__(self, field: pa.Field, options: ColumnOptions, locale: str) -> None:
        self.name = field.name
        self.label = label_of(field.name, {field.name: options})
        self.type = field.type
        self.kind = kind_of(field.type)
        self.options = options
        self.locale = locale
        self.numerals = numerals_of(locale)
        self._convert: Callable[[pa.Array], pa.Array] = _distinctly(self._formatted) if self.format else self._plain

    @property
    def is_hidden(self) -> bool:
        return self.options.hidden

    @property
    def alignment(self) -> str:
        """left, center or right."""
        return self.options.align or ("right" if self.kind in NUMBERS | SPANS else "left")

    @cached_property
    def format(self) -> NumberFormat | DateFormat | None:
        pattern = self.pattern
        if not pattern:
            return None
        if self.kind in NUMBERS:
            return NumberFormat(compiled(pattern, self.locale, self.options.currency))
        return DateFormat(pattern, self.locale)

    @cached_property
    def pattern(self) -> str:
        """The pattern that the values have; "" for none."""
        pattern, currency = self.options.format, self.options.currency
        if self.kind in NUMBERS:
            if pattern and is_number_pattern(pattern):
                return pattern
            return currency_pattern(self.locale, currency) if currency and not pattern else ""
        if self.kind in TEMPORAL and pattern and not is_number_pattern(pattern):
            return pattern if date_format.fits(pattern, self.kind) else ""
        return ""

    @cached_property
    def has_fixed_fraction(self) -> bool:
        """Whether all numbers have as many digits after the point."""
        if self.kind in NUMBERS and self.pattern:
            number = compiled(self.pattern, self.locale, self.options.currency)
            return number.is_plain and len(set(number.fraction_digits)) == 1
        return self.kind in (ColumnKind.INTEGER, ColumnKind.DECIMAL)

    @property
    def affixes(self) -> list[tuple[str, str]]:
        """What stands before and after positive numbers, and before and after negative ones."""
        if not self.pattern:
            return [("", ""), ("-", "")]
        number = compiled(self.pattern, self.locale, self.options.currency)
        return list(zip(number.prefixes, number.suffixes, strict=True))

    def texts(self, column: pa.Array) -> pa.Array:
        """The text of each value. NULL stays NULL."""
        return self._convert(column)

    def total_texts(self, values: pa.Array, function: str) -> pa.Array:
        """The texts of totals of the column. A number of values has no format."""
        return default_text(values, self.numerals) if function == "count" else self.texts(values)

    def highlighted(self, column: pa.Array) -> pa.Array | None:
        """The number of each value's style in highlights.STYLES, or NULL; None if the column has no highlights."""
        return highlights.highlighted(column, self.options.highlight) if self.options.highlight else None

    def mismatches(self) -> Iterator[tuple[str, str]]:
        """The options that don't fit the column's type, each with a sentence."""
        kind, pattern, has = self.kind, self.options.format, f"but the column has values of the type {self.type}."
        if kind is ColumnKind.NULL:
            return
        if pattern and not self.pattern:
            noun = "numbers" if is_number_pattern(pattern) else "dates and times"
            if kind in TEMPORAL and not is_number_pattern(pattern):
                noun = "values with a date and a time"
            yield "format", f"The format is for {noun}, {has}"
        elif self.options.currency and kind not in NUMBERS:
            yield "currency", f"Only numbers have a currency, {has}"
        for at, rule in enumerate(self.options.highlight):
            if error := highlights.kind_error(rule.when, self.type):
                yield f"highlight[{at}].when", f"The condition {error}, {has}"

    def _formatted(self, column: pa.Array) -> pa.Array:
        if isinstance(self.format, DateFormat):
            return self.format.texts(column, self._plain(column))
        return self.format.texts(column) if self.format else self._plain(column)

    def _plain(self, column: pa.Array) -> pa.Array:
        return default_text(column, self.numerals)


def column_views(schema: pa.Schema, options: Mapping[str, ColumnOptions], locale: str) -> list[ColumnView]:
    """The views of all columns. Raises DesignMismatch if there is no such column, or none is left to be seen."""
    for name in options:
        column_index(schema, name, f"columns.{name}")
    views = [ColumnView(field, options.get(field.name, _NO_OPTIONS), locale) for field in schema]
    if views and all(view.is_hidden for view in views):
        raise DesignMismatch("columns: All columns are hidden, so nothing is left to show.")
    return views


def label_of(name: str, options: Mapping[str, ColumnOptions]) -> str:
    """The heading of a column: its label, or its name in words."""
    return options.get(name, _NO_OPTIONS).label or humanized(name)


def _distinctly(convert: Callable[[pa.Array], pa.Array]) -> Callable[[pa.Array], pa.Array]:
    """Convert each distinct value once, as long as a column repeats its values."""
    repeats = True

    def converted(column: pa.Array) -> pa.Array:
        nonlocal repeats
        if not repeats or len(column) < _FEW or isinstance(column.type, pa.BaseExtensionType):
            return convert(column)
        values = unwrapped(column).dictionary_encode()
        repeats = len(values.dictionary) < len(column) // 2
        return convert(values.dictionary).take(values.indices)

    return converted
