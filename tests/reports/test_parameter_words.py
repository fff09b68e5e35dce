"""Parameters of a run in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from reports.parameter_words import ParameterWords
from reports.parameters.declarations import Parameter
from reports.parameters.rules import Rule

START, END = ({"name": name, "type": "date"} for name in ("start", "end"))
AIRPORTS = {"name": "airports", "type": "string", "multiple": True, "choices": ["JFK", "LGA"], "label": "Airports"}


def words(declarations: list[dict[str, Any]], rules: tuple[Rule, ...] = (), labels: Any = None, **values: Any) -> str:
    parameters = [Parameter.from_dict(each) for each in declarations]
    return ParameterWords(parameters, rules).of(values, labels or {})


def test_a_period_of_months_and_all_choices() -> None:
    assert (
        words([START, END, AIRPORTS], start="2013-01-01", end="2013-12-31", airports=["JFK", "LGA"])
        == "Jan\u2013Dec 2013 · all airports"
    )


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2013-01-01", "2013-01-31", "Jan 2013"),
        ("2012-11-01", "2013-01-31", "Nov 2012 \u2013 Jan 2013"),
        ("2024-02-01", "2024-02-29", "Feb 2024"),
        ("2013-01-05", "2013-01-05", "5 Jan 2013"),
        ("2013-01-05", "2013-01-09", "5\u20139 Jan 2013"),
        ("2013-01-05", "2013-02-09", "5 Jan \u2013 9 Feb 2013"),
        ("2012-12-31", "2013-01-01", "31 Dec 2012 \u2013 1 Jan 2013"),
        ("2013-02-01", "2013-01-31", "1 Feb \u2013 31 Jan 2013"),
        ("2013-01-09", "2013-01-05", "9 Jan \u2013 5 Jan 2013"),
        ("2013-01-05", None, "start 5 Jan 2013"),
        (None, None, ""),
    ],
)
def test_periods(start: str | None, end: str | None, text: str) -> None:
    assert words([START, END], start=start, end=end) == text


def test_a_rule_says_which_of_several_dates_are_a_period() -> None:
    day = {"name": "day", "type": "date", "label": "Day"}
    rules = (Rule("start <= end", "-"),)
    found = words([day, END, START], rules, day="2013-05-01", start="2013-01-01", end="2013-01-31")
    assert found == "Day 1 May 2013 · Jan 2013"


def test_a_date_and_a_time_are_no_period() -> None:
    since = {"name": "since", "type": "datetime", "label": "Since"}
    found = words([{**START, "label": "From"}, since], start="2013-01-05", since="2013-02-01T08:00:00Z")
    assert found == "From 5 Jan 2013 · Since 1 Feb 2013 08:00"


def test_times_are_exact() -> None:
    start, end = ({"name": name, "type": "datetime"} for name in ("start", "end"))
    one_day = words([start, end], start="2013-01-05T08:00:00Z", end="2013-01-05T09:30:00Z")
    assert one_day == "5 Jan 2013 08:00\u201309:30"
    assert words([start, end], start="2013-01-05T00:00:00Z", end="2013-01-06T00:00:00Z") == (
        "5 Jan 2013 00:00 \u2013 6 Jan 2013 00:00"
    )


def test_numbers_have_their_titles_and_texts_have_not() -> None:
    declarations = [
        {"name": "top", "type": "integer", "label": "Top"},
        {"name": "carrier", "type": "string"},
        {"name": "late", "type": "boolean", "label": "Only late flights"},
        {"name": "far", "type": "boolean", "label": "Far"},
        {"name": "missing", "type": "string"},
    ]
    assert (
        words(declarations, top=10, carrier="AA", late=True, far=False) == "Top 10 · AA · Only late flights · Far: no"
    )


def test_labels_stand_in_for_values_and_lists_are_short() -> None:
    airport = {"name": "airport", "type": "string"}
    assert words([airport], labels={"airport": "Berlin"}, airport="BER") == "Berlin"
    many = {"name": "codes", "type": "integer", "multiple": True, "label": "Codes"}
    assert words([many], codes=[1, 2, 3, 4, 5]) == "Codes 1, 2, 3, 2 more"
    assert len(words([airport], airport="x" * 500)) == 40
    names = [f"p{at}" for at in range(20)]
    assert len(words([{"name": name, "type": "string"} for name in names], **dict.fromkeys(names, "words " * 3))) == 160
