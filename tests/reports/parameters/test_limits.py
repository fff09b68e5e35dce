"""Limits of declarations: bounds, choices, patterns and lengths."""

from __future__ import annotations

from decimal import Decimal

from tests.reports.parameters.declared import accepted, refused


def test_bounds_choices_pattern_and_length_are_checked():
    assert refused("integer", 11, maximum=10) == ["Must be 10 or less."]
    assert refused("date", "2012-12-31", minimum="2013-01-01") == ["Must be 2013-01-01 or later."]
    assert refused("string", "x", choices=["a", "b"]) == ["Must be one of: “a”, “b”."]
    assert refused("string", "ab1", pattern="[a-z]+") == ["Must match the pattern [a-z]+."]
    assert refused("string", "abcd", max_length=3) == ["Must be at most 3 characters long; this has 4."]
    assert accepted("number", 0.5, minimum=0.5, maximum=0.5, choices=[0.5]) == Decimal("0.5")


def test_values_with_a_pattern_are_limited_to_1000_characters():
    assert "at most 1,000" in refused("string", "a" * 1_001, pattern="(a*)*b")[0]
