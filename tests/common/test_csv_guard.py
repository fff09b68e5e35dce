"""The CSV formula guard."""

from __future__ import annotations

import pytest

from common.csv_guard import FORMULA_BYTES, guarded

DANGEROUS = ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"]


@pytest.mark.parametrize("start", DANGEROUS)
def test_text_that_starts_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert guarded(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "1+1", "a=b", " =1", "'=1", "\u00ef", "\uff21"])
def test_other_text_is_unchanged(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize(
    "text", ["-5", "-1.50", "-02:00:00", "-838:59:59", "-00:00:00.5", "-1 days", "-1 days +02:00:00",
             "-1 years -2 mons +3 days -04:05:06.789"],
)  # fmt: skip
def test_numbers_times_and_intervals_are_unchanged(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize(
    "text", ["-5+1", "-1:2:3)", "-A1", "-1 days|x", "-5\n=1", "-1 days\n", "-", "-1e5", "+5", "-2 cmd"]
)
def test_other_text_behind_a_minus_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("start", DANGEROUS)
def test_every_dangerous_text_contains_one_of_the_bytes(start: str) -> None:
    assert set(start.encode()) & set(FORMULA_BYTES.encode("latin-1"))
