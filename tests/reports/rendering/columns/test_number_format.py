"""Number patterns: columns of every type have the texts that Babel gives to single exact decimals."""

from __future__ import annotations

import decimal
import random
from decimal import Decimal

import pyarrow as pa
import pytest
from babel import Locale, numbers

from reports.rendering.columns.number_format import NumberFormat
from reports.rendering.columns.number_patterns import (
    EXACT,
    compiled,
    currency_pattern,
    is_number_pattern,
    number_pattern_error,
)
from reports.rendering.columns.numerals import numerals_of
from tests.reports.rendering.arrow_types import opaque_numeric

PATTERNS = [
    "0", "#", "#,##0", "#,##0.00", "#,##,##0.0##", "0.0%", "0.0‰", "0.00000", "#,##0.######", "00000", "0000.0",
    "#,##0.00;(#,##0.00)", "¤#,##0.00", "¤¤ 0", "#,##0.00 'x'", "#,####0.0", "@@@", "0.##E0", "00,000.0",
]  # fmt: skip
LOCALES = ["en", "de-DE", "fr-FR", "hi-IN", "ar-EG", "mr-IN"]
INTEGERS = [
    0,
    1,
    -1,
    12,
    999,
    1000,
    -1000,
    12345,
    1234567,
    12345678901,
    10**15,
    -(10**15),
    2**53,
    5 * 10**17,
    2**63 - 1,
]
FLOATS = [
    0.5, 1.5, 2.5, -0.04, 0.125, 2.675, 1e22, 1e300, 1e-300, 123456.789, 0.1 + 0.2, 1e16 / 3, 9.995, 999.995, -999.995,
    4503599627370497.5, 1e15 + 0.3, 0.30000000000000004, 0.285, 1.005,
]  # fmt: skip
DECIMALS = [Decimal(text) for text in ("0", "999.995", "-999.995", "0.005", "-0.004", "123456789012345.678", "1.5")]


def from_babel(pattern: str, locale: str, currency: str, number: Decimal) -> str:
    with decimal.localcontext(EXACT):
        text = numbers.parse_pattern(pattern).apply(
            number, Locale.parse(locale, sep="-"), currency=currency or None, currency_digits=False,
            numbering_system="default",
        )  # fmt: skip
    # Babel writes ASCII digits in all locales.
    return numerals_of(locale).translated(text)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_column_has_the_texts_that_babel_gives_to_its_numbers(pattern: str, locale: str) -> None:
    chance = random.Random(pattern + locale)  # noqa: S311
    floats = FLOATS + [chance.uniform(-1e6, 1e6) for _ in range(60)]
    floats += [round(chance.uniform(-1e4, 1e4), 3) for _ in range(60)]
    currency = "EUR" if "¤" in pattern else ""
    column_format = NumberFormat(compiled(pattern, locale, currency))
    for values, exact in [
        (pa.array([*INTEGERS, None]), list(map(Decimal, INTEGERS))),
        (pa.array([1, 2**64 - 1, None], pa.uint64()), [Decimal(1), Decimal(2**64 - 1)]),
        (pa.array([*floats, None]), [Decimal(repr(number)) for number in floats]),
        (pa.array([0.1, -2.5, None], pa.float32()), [Decimal("0.1"), Decimal("-2.5")]),
        (pa.array([*DECIMALS, None], pa.decimal128(38, 5)), DECIMALS),
        (pa.array([*DECIMALS, None], pa.decimal128(18, 3)), DECIMALS),
        (pa.array([*DECIMALS, None], pa.decimal256(60, 5)), DECIMALS),
        (opaque_numeric(["0.1", "-" + "9" * 80, None]), [Decimal("0.1"), Decimal("-" + "9" * 80)]),
    ]:
        expected = [from_babel(pattern, locale, currency, number) for number in exact]
        assert column_format.texts(values).to_pylist() == [*expected, None]
        # A part of a column, as batches are cut.
        assert column_format.texts(values.slice(1)).to_pylist() == [*expected[1:], None]


def test_a_quoted_sign_of_percent_is_text() -> None:
    values = pa.array([12.5, 0.5])
    assert NumberFormat(compiled("0.0'%'", "en", "")).texts(values).to_pylist() == ["12.5%", "0.5%"]
    assert NumberFormat(compiled("0.0%", "en", "")).texts(values).to_pylist() == ["1250.0%", "50.0%"]


def test_infinities_and_nan_stay_as_they_are() -> None:
    values = pa.array([float("inf"), float("-inf"), float("nan"), 1.0])
    assert NumberFormat(compiled("#,##0.0", "de-DE", "")).texts(values).to_pylist() == ["inf", "-inf", "nan", "1,0"]


@pytest.mark.parametrize("pattern", [*PATTERNS, "'km' 0", "#,##0.00 'o''clock'", "+0;-0"])
def test_patterns_that_are_accepted(pattern: str) -> None:
    assert is_number_pattern(pattern) and number_pattern_error(pattern) is None


@pytest.mark.parametrize(
    "pattern", ["0.0.0", "0%%", "#0#", "#,", "0,", "0,#", ",0", "#,,0", "#,##0,", "0 km", "0'", "0 0", "*x0", "0" * 60]
)
def test_patterns_that_are_refused(pattern: str) -> None:
    assert number_pattern_error(pattern)


def test_a_currency_without_a_format_has_the_pattern_of_its_locale() -> None:
    amount = Decimal("-1234.5")
    texts = [
        compiled(currency_pattern(locale, currency), locale, currency).decimal_text(amount)
        for locale, currency in [("de-DE", "EUR"), ("en-US", "USD"), ("ja", "JPY"), ("hi-IN", "INR")]
    ]
    assert texts == ["-1.234,50\xa0€", "-$1,234.50", "-\uffe51,234", "-₹1,234.50"]
