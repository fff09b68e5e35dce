"""Reading scalar values from JSON and from text: what is accepted, what is refused, and in which words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from common.api.numbers import read_float
from reports.parameters.scalars import stable_number
from tests.reports.parameters.declared import accepted, refused


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        ("string", "", ""),
        ("string", "Ünïcødé 日本 🛫", "Ünïcødé 日本 🛫"),
        ("string", "'; drop table x; --", "'; drop table x; --"),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", -(2**63), -(2**63)),
        ("integer", 5.0, 5),
        ("integer", -0.0, 0),
        ("integer", 2.0**53, 2**53),
        ("integer", 2.0**53 + 2, 2**53 + 2),
        ("integer", read_float("9007199254740993.0"), 9007199254740993),
        ("integer", read_float("9.223372036854775807e18"), 2**63 - 1),
        ("integer", read_float("1e18"), 10**18),
        ("integer", -(2.0**53), -(2**53)),
        ("number", 0.1, Decimal("0.1")),
        ("number", 5, Decimal(5)),
        ("number", 10**37 + 1, Decimal(10**37 + 1)),
        ("number", 1e300, Decimal("1e300")),
        ("number", read_float("9007199254740993.0"), Decimal(9007199254740993)),
        ("number", read_float("1e-308"), Decimal("1e-308")),
        ("number", read_float("0e-999"), Decimal(0)),
        ("boolean", False, False),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("datetime", "2024-02-29T10:00", datetime(2024, 2, 29, 10, tzinfo=UTC)),
        ("datetime", "2024-02-29 10:00:00.25+02:00", datetime(2024, 2, 29, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("datetime", "2024-02-29t10:00:00z", datetime(2024, 2, 29, 10, tzinfo=UTC)),
        ("datetime", "2026-11-29T06:48:55.952182570Z", datetime(2026, 11, 29, 6, 48, 55, 952_182, tzinfo=UTC)),
        ("datetime", f"2024-02-29T10:00:00.{'9' * 1000}Z", datetime(2024, 2, 29, 10, 0, 0, 999_999, tzinfo=UTC)),
    ],
)
def test_json_values_of_the_declared_type_are_accepted(type, raw, value):
    assert accepted(type, raw) == value


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        ("integer", " 5 ", 5),
        ("integer", "-9223372036854775808", -(2**63)),
        ("number", "0.10", Decimal("0.1")),
        ("number", "1e3", Decimal(1000)),
        ("number", "12345678901234567890", Decimal("12345678901234567890")),
        ("boolean", "On", True),
        ("boolean", "0", False),
        ("date", "2024-01-01", date(2024, 1, 1)),
        ("string", ["x"], "x"),
        ("integer", "", None),
        ("string", [], None),
    ],
)
def test_text_is_read_as_the_declared_type(type, raw, value):
    assert accepted(type, raw, from_text=True) == value


@pytest.mark.parametrize(
    ("type", "raw", "words"),
    [
        ("string", 5, "Must be text"),
        ("string", "a\0b", "NUL"),
        ("string", "\ud800", "Unicode"),
        ("string", "x" * 10_001, "at most 10,000 characters"),
        ("integer", True, "not true or false"),
        ("integer", "5", "not the text “5”"),
        ("integer", 5.5, "whole number, not “5.5”"),
        ("integer", read_float("9007199254740992.5"), "whole number"),
        ("integer", read_float("9.223372036854775808e18"), "between"),
        ("integer", 1e300, "whole number"),
        ("integer", float("inf"), "whole number"),
        ("integer", float("nan"), "whole number"),
        ("integer", 2**63, "9223372036854775807"),
        ("integer", 10**4000, "between"),
        ("number", "5", "a number"),
        ("number", True, "a number"),
        ("number", float("nan"), "NaN"),
        ("number", float("-inf"), "infinite"),
        ("number", read_float("1e400"), "smaller than 1e308"),
        ("number", 1e-320, "not closer to 0 than 1e-308"),
        ("number", read_float("-1e-400"), "not closer to 0 than 1e-308"),
        ("number", read_float("0.1234567890123456789"), "at most 15 digits"),
        ("number", 10**4000, "so large a number"),
        ("boolean", 1, "true or false"),
        ("boolean", "true", "true or false"),
        ("date", "2023-02-29", "not in the calendar"),
        ("date", "2024-1-1", "like 2013-12-31"),
        ("date", "20240101", "like 2013-12-31"),
        ("date", "2024-W01-1", "like 2013-12-31"),
        ("date", "\u0662\u0660\u0662\u0664-01-01", "like 2013-12-31"),
        ("datetime", "2024-01-01", "like 2013-12-31T23:59:00Z"),
        ("datetime", "2024-01-01T25:00", "not in the calendar"),
        ("datetime", "0001-01-01T00:00+14:00", "not in the calendar"),
        ("string", {"a": 1}, "an object"),
        ("string", ["a"], "a list"),
    ],
)
def test_other_json_values_are_refused_with_what_is_expected(type, raw, words):
    assert words in " ".join(refused(type, raw))


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("integer", "5.0"),
        ("integer", "1_000"),
        ("integer", "٣"),
        ("number", "NaN"),
        ("number", "inf"),
        ("number", "1e9999"),
        ("number", "0.12345678901234567890"),
        ("number", "1" * 500),
        ("boolean", "maybe"),
        ("string", ["a", "b"]),
    ],
)
def test_other_text_is_refused(type, text):
    assert refused(type, text, from_text=True)


def test_a_huge_value_is_not_quoted_whole():
    assert len(" ".join(refused("integer", "9" * 1_000_000))) < 200
    assert len(" ".join(refused("date", "9" * 1_000_000, from_text=True))) < 200


@pytest.mark.parametrize(
    ("value", "stable"),
    [
        (int(1e300), 1e300),
        (10**300, 1e300),
        (-(10**38), -1e38),
        (10**38 - 1, 10**38 - 1),
        (1e300, 1e300),
        (0.25, 0.25),
        (True, True),
        ("1e300", "1e300"),
        (10**400, 10**400),
    ],
)
def test_numbers_beyond_38_digits_become_floats(value, stable):
    assert (stable_number(value), type(stable_number(value))) == (stable, type(stable))
