"""The query language of the search bar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.monitoring.search import Search, SearchError, parse

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("", Search()),
        ("late trains", Search(words=("late", "trains"))),
        ('"late trains" "report:x"', Search(words=("late trains", "report:x"))),
        ("report:sales user:bob user:erin", Search(report=("sales",), user=("bob", "erin"))),
        ('report:"Late trains" status:failed', Search(report=("Late trains",), status=("Failed",))),
        ("param.carrier:AA since:24h", Search(parameters=(("carrier", "AA"),), since=NOW - timedelta(hours=24))),
        ("until:2026-01-31", Search(until=datetime(2026, 1, 31, tzinfo=UTC))),
        ("since:2026-01-31T08:00+02:00", Search(since=datetime(2026, 1, 31, 6, tzinfo=UTC))),
        ("http://example.com", Search(words=("http://example.com",))),
    ],
)
def test_a_search_is_parsed_into_words_and_filters(text: str, search: Search) -> None:
    assert parse(text, NOW) == search


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("reprot:x", ['Unknown filter "reprot:". Did you mean "report:"?']),
        ("statsu:failed", ['Unknown filter "statsu:". Did you mean "status:"?']),
        (
            "xyz:1",
            [
                'Unknown filter "xyz:". Use one of report:, user:, status:, error:, host:, format:, since:, until:, '
                "param.NAME:, or put text that contains a colon in quotation marks."
            ],
        ),
        (
            "status:lost since:tomorrow",
            [
                'Unknown status "lost". Use Queued, Running, Succeeded or Failed.',
                '"since:tomorrow" is not a time. Use since:2026-01-31, since:2026-01-31T08:00 or since:24h.',
            ],
        ),
        ("report: sales", ['Add a value right after "report:", in quotation marks if it contains spaces.']),
        ('say "hello', ["Missing closing quotation mark."]),
        ("until:0001-01-01T00:00+14:00", ['"until:0001-01-01T00:00+14:00" is not a time. Use until:2026-01-31, '
                                          "until:2026-01-31T08:00 or until:24h."]),
    ],
)  # fmt: skip
def test_all_errors_are_reported_at_once(text: str, messages: list[str]) -> None:
    with pytest.raises(SearchError) as raised:
        parse(text, NOW)
    assert raised.value.messages == messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [("error:ab12ab12ab12ab12", True), ("error:ab12ab12ab12ab12 error:timeout", False), ("timeout", False)],
)
def test_a_search_for_fingerprints_only_is_recognized(text: str, expected: bool) -> None:
    assert parse(text).has_fingerprints is expected


@pytest.mark.parametrize("text", ["word " * 1900, "user:a " * 21, "x" * 2001])
def test_a_search_that_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(SearchError, match="The search is too long: at most"):
        parse(text, NOW)


def test_a_search_of_twenty_words_is_not_too_long() -> None:
    assert len(parse("word " * 20, NOW).words) == 20
