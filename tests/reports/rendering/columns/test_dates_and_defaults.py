"""Date patterns, and how values look without any pattern."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from babel import Locale
from babel.dates import parse_pattern

from reports.rendering.columns.date_format import DateFormat, date_pattern_error
from reports.rendering.columns.default_texts import default_text
from reports.rendering.columns.numerals import numerals_of
from reports.rendering.columns.views import humanized
from reports.rendering.scalar_text import scalar_text

MOMENTS = [
    datetime(2024, 2, 29, 13, 5, 9, 250_000), datetime(1969, 12, 31, 23, 59, 59, 999_000), datetime(1, 1, 1),
    datetime(9998, 12, 31, 0, 0, 1), datetime(2026, 7, 1, 12),
]  # fmt: skip
PATTERNS = [
    "dd.MM.yyyy HH:mm:ss.SSS", "EEEE, d. MMMM y 'um' HH:mm z", "QQQ yyyy", "w/YYYY", "h:mm a", "MMM yy G", "K:mm a",
    "HH:mm:ss ZZZZ", "D", "'x' HH", "'o''clock' h",
]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "de-DE", "fr-FR", "hi-IN"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_column_has_the_texts_that_babel_gives_to_its_moments(pattern: str, unit: str, locale: str) -> None:
    moments = [moment for moment in MOMENTS if unit != "ns" or 1700 < moment.year < 2200]
    values = pa.array([*moments, None], pa.timestamp(unit))
    babel = Locale.parse(locale, sep="-")
    expected = [parse_pattern(pattern).apply(moment.replace(tzinfo=UTC), babel) for moment in moments]
    assert DateFormat(pattern, locale).texts(values, scalar_text(values)).to_pylist() == [*expected, None]


def test_digits_are_those_of_the_locale() -> None:
    days = pa.array([19782], pa.date32())
    (text,) = DateFormat("d MMMM yyyy", "ar-EG").texts(days, scalar_text(days)).to_pylist()
    assert text == "\u0662\u0669 فبراير \u0662\u0660\u0662\u0664"


def test_what_the_calendar_cant_show_stays_as_it_is() -> None:
    days = pa.array([2**31 - 1, 1 - 2**31, 5_000_000, 0, None], pa.date32())
    texts = DateFormat("dd.MM.yyyy", "de-DE").texts(days, scalar_text(days)).to_pylist()
    assert texts == ["infinity", "-infinity", "+15659-07-15", "01.01.1970", None]
    times = pa.array([86_400, 86_399], pa.time32("s"))
    assert DateFormat("HH:mm", "de-DE").texts(times, scalar_text(times)).to_pylist() == ["24:00:00", "23:59"]


def test_a_week_that_babel_doesnt_know_stays_a_date() -> None:
    days = pa.array([2_932_896, 0], pa.date32())
    assert DateFormat("w", "en").texts(days, scalar_text(days)).to_pylist() == ["9999-12-31", "1"]


@pytest.mark.parametrize(
    "pattern", ["yyyy-bogus", "J", "A", "B", "'only text'", "MMMMMMM", "yyyy'", " ", "jj", "yyyyT"]
)
def test_patterns_that_are_refused(pattern: str) -> None:
    assert date_pattern_error(pattern)


def test_doubles_have_at_most_twelve_significant_digits() -> None:
    values = [
        19689.850000000002, 0.1 + 0.2, 1 / 3, -2 / 3, 1e15 / 3, 12345678901.25, 123456789012.5, 1.5, 100.0, 0.00001,
        1e300, 5e-324, 0.0, math.nan, math.inf, None,
    ]  # fmt: skip
    assert default_text(pa.array(values), numerals_of("en")).to_pylist() == [
        "19689.85", "0.3", "0.333333333333", "-0.666666666667", "333333333333000", "12345678901.2", "123456789012",
        "1.5", "100", "0.00001", "1e+300", "5e-324", "0", "nan", "inf", None,
    ]  # fmt: skip


def test_the_shortest_of_the_rounded_texts_is_shown() -> None:
    values = [number * 10.0**power / 7 for number in range(1, 400, 7) for power in range(-12, 9)]
    texts = default_text(pa.array(values), numerals_of("en")).to_pylist()
    assert [float(text) for text in texts] == [float(f"{value:.12g}") for value in values]
    assert all(len(text.replace("-", "").replace(".", "").partition("e")[0].strip("0")) <= 12 for text in texts)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_timestamp_at_midnight_shows_only_its_date(unit: str, zone: str | None) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ticks = [0, None, -86_400 * per_second, 3_661 * per_second, -1]
    texts = default_text(pa.array(ticks, pa.timestamp(unit, zone)), numerals_of("en")).to_pylist()
    utc, fraction = "Z" if zone else "", {"s": "", "ms": ".999", "us": ".999999", "ns": ".999999999"}[unit]
    assert texts == [
        "1970-01-01",
        None,
        "1969-12-31",
        f"1970-01-01 01:01:01{utc}",
        f"1969-12-31 23:59:59{fraction}{utc}",
    ]


def test_infinite_timestamps_and_long_years_are_shown_beside_usual_ones() -> None:
    long_ago = -2012 * 365 * 86_400 * 10**6 + 36_000 * 10**6
    values = pa.array([2**63 - 1, 0, 10**6, 86_400 * 10**6 * 365 * 20_000, long_ago], pa.timestamp("us"))
    shown = ["infinity", "1970-01-01", "1970-01-01 00:00:01", "+21956-09-21", "-0041-05-04 10:00:00"]
    assert default_text(values, numerals_of("en")).to_pylist() == shown
    for at, text in enumerate(shown):
        assert default_text(values.slice(at, 1), numerals_of("en")).to_pylist() == [text]


def test_numbers_without_a_format_have_the_point_of_the_locale() -> None:
    values = pa.array([1234.5, 2.0])
    assert default_text(values, numerals_of("de-DE")).to_pylist() == ["1234,5", "2"]
    assert default_text(pa.array([12]), numerals_of("ar-EG")).to_pylist() == ["\u0661\u0662"]


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("mean_arr_delay", "Mean arr delay"), ("n", "N"), ("_id", "Id"), ("IATA", "IATA"), ("Größe_cm", "Größe cm"),
        ("sum(x)", "sum(x)"), ("Already fine", "Already fine"), ("_", "_"),
    ],
)  # fmt: skip
def test_headings_are_names_in_words(name: str, heading: str) -> None:
    assert humanized(name) == heading
