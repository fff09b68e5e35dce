"""Report definitions: entries, merge patches, and queries that match their parameters."""

from __future__ import annotations

import pytest

from reports.definitions import merge_patch, parse_report, query_errors
from tests.reports.definitions.sample_file import SAMPLE, sample


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        # From RFC 7396, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ],
)
def test_merge_patch(target, patch, merged):
    assert merge_patch(target, patch) == merged


def test_an_entry_has_all_defaults_and_is_read_back_unchanged():
    for data in SAMPLE["reports"]:
        entry = parse_report(data).entry()
        assert entry | data == entry
        assert parse_report(entry).entry() == entry


def test_options_are_the_fields_without_a_column_that_differ_from_their_default():
    data = sample()["reports"][0] | {"max_bytes": 5_000, "csv": {"delimiter": ";"}, "on_limit": "truncate"}
    assert parse_report(data).options() == {"max_bytes": 5_000, "csv": {"delimiter": ";"}}


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("select :start, :end", {}),
        ("select :start", {"parameters[1].name": ["The query doesn't use :end."]}),
        ("select :start, :end, :x", {"query": [":x isn't defined. Add it as a parameter."]}),
        (
            "select :x",
            {
                "query": [":x isn't defined. Add it as a parameter."],
                "parameters[0].name": ["The query doesn't use :start."],
                "parameters[1].name": ["The query doesn't use :end."],
            },
        ),
    ],
)
def test_query_and_parameters_must_match(query, errors):
    report = parse_report(sample()["reports"][0] | {"query": query})
    assert query_errors(report, "sqlite") == errors
