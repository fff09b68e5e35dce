"""Rules between parameters."""

from __future__ import annotations

import pytest

from reports.exceptions import InvalidParameters
from reports.parameters.declarations import Parameter
from reports.parameters.rules import Rule, ordered_pairs, rule_error
from reports.parameters.values import typed_values
from tests.reports.parameters.declared import NOON

START, END = ({"name": name, "type": "date"} for name in ("start", "end"))
PARAMETERS = [
    Parameter.from_dict(declaration)
    for declaration in (
        START,
        END,
        {"name": "since", "type": "datetime"},
        {"name": "least", "type": "integer"},
        {"name": "share", "type": "number"},
        {"name": "carrier", "type": "string"},
        {"name": "new", "type": "boolean"},
        {"name": "codes", "type": "integer", "multiple": True},
    )
]


def broken(check: str, **values: object) -> list[str]:
    """Return the names of the parameters that show the message."""
    try:
        typed_values(PARAMETERS, values, NOON, rules=[Rule(check, "No.")])
    except InvalidParameters as error:
        assert set(map(tuple, error.fields.values())) == {("No.",)}
        return list(error.fields)
    return []


@pytest.mark.parametrize(
    ("check", "values", "fields"),
    [
        ("start <= end", {"start": "2026-02-01", "end": "2026-01-01"}, ["start", "end"]),
        ("start<=end", {"start": "2026-01-01", "end": "2026-01-01"}, []),
        ("start < end", {"start": "2026-01-01", "end": "2026-01-01"}, ["start", "end"]),
        ("start <= end", {"start": "today", "end": "now-1d/d"}, ["start", "end"]),
        ("start <= end", {"start": "2026-02-01"}, []),
        ("end <= today", {"end": "today+1d"}, ["end"]),
        ("end <= today", {"end": "2026-11-29"}, []),
        ("start >= 2013-01-01", {"start": "2012-12-31"}, ["start"]),
        ("since > '2013-01-01T00:00Z'", {"since": "2013-01-01T01:00+01:00"}, ["since"]),
        ("least < share", {"least": 1, "share": 1.5}, []),
        ("least > share", {"least": 1, "share": 1.5}, ["least", "share"]),
        ("5 >= least", {"least": 6}, ["least"]),
        ("least != -5", {"least": -5}, ["least"]),
        ("carrier = 'A A'", {"carrier": "B"}, ["carrier"]),
        ('carrier != "AA"', {"carrier": "AA"}, ["carrier"]),
        ("new = true", {"new": False}, ["new"]),
    ],
)
def test_a_broken_rule_shows_its_message_on_the_parameters_in_it(check, values, fields):
    assert rule_error(check, PARAMETERS) is None
    assert broken(check, **values) == fields


def test_rules_are_checked_beside_other_errors_and_skip_invalid_values():
    rules = [Rule("start <= end", "From must not be after To."), Rule("least <= share", "Too many.")]
    with pytest.raises(InvalidParameters) as caught:
        typed_values(
            PARAMETERS,
            {"start": "2026-02-01", "end": "2026-01-01", "least": 5, "share": "x"},
            NOON,
            rules=[*rules, rules[0]],
        )
    assert caught.value.fields == {
        "share": ["Must be a number, not the text “x”."],
        "start": ["From must not be after To."],
        "end": ["From must not be after To."],
    }


def test_a_literal_outside_the_calendar_is_reported_where_it_is_compared():
    with pytest.raises(InvalidParameters) as caught:
        typed_values(PARAMETERS, {"end": "today"}, NOON, rules=[Rule("end <= now+9000y", "No.")])
    assert caught.value.fields == {"end": ["“now+9000y” is not between the years 1 and 9999."]}


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("start", "is not a comparison like start <= end"),
        ("start <= end <= since", "is not a comparison"),
        ("start == end", "is not a comparison"),
        ("start <= finish", "There is no parameter finish"),
        ("a <= b", "There is no parameter a, nor b"),
        ("1 < 2", "There is no parameter 1, nor 2"),
        ("carrier = AA", "There is no parameter AA. Put a text in quotation marks."),
        ("codes = 1", "codes takes a list of values"),
        ("start <= since", "start is of type date and since of type datetime"),
        ("least = carrier", "they can't be compared"),
        ("new < true", "can only be compared with = and !="),
        ("least < 1.5", "Must be a whole number, not the text “1.5”."),
        ("start < 2026-02-30", "is not in the calendar"),
        ("start < now-1x", "can't be read from"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_a_sentence(check, words):
    assert words in (rule_error(check, PARAMETERS) or "")


def test_pairs_of_dates_come_from_the_rules():
    rules = [Rule("start <= end", "-"), Rule("since > '2013-01-01'", "-"), Rule("share > least", "-")]
    assert ordered_pairs(rules, PARAMETERS) == [("start", "end"), ("least", "share")]
