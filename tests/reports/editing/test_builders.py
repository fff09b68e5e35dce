"""Structures that are edited in rows: nothing is lost on the way there and back."""

from __future__ import annotations

from typing import Any

import pytest

from reports.definitions import parse_report
from reports.definitions.presentation import ColumnDefinition
from reports.editing.builders import chart, rows
from reports.editing.builders.named_rows import NamedRows, plain
from reports.editing.builders.round_trip import is_shown_in_full
from tests.reports.pages.full_report import FULL_REPORT

CHART: dict[str, Any] = {
    "mark": "bar",
    "title": "Sales",
    "encoding": {
        "x": {"field": "a\\.b", "type": "temporal", "title": "Day"},
        "y": {"field": "amount", "type": "quantitative", "aggregate": "sum"},
        "color": {"field": "region", "type": "nominal"},
    },
}
SECTIONS = [
    {
        "name": "few",
        "query": "select 1\n",
        "columns": {"x.y": {"label": "L", "highlight": [{"when": "> 1", "as": "good"}]}},
        "totals": {"columns": {"n": "sum"}, "group_by": ["g"]},
        "chart": FULL_REPORT["chart"],
    },
    {"name": "all", "query": "select :x"},
]


@pytest.mark.parametrize("name", ["rules", "columns", "totals"])
def test_the_form_shows_all_of_what_a_report_can_have(name: str) -> None:
    entry = parse_report(FULL_REPORT).entry()
    assert entry[name] and is_shown_in_full(name, entry[name])
    assert is_shown_in_full("sections", SECTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("columns", {"a": {"colour": "red"}}),
        ("columns", ["a"]),
        ("columns", "a"),
        ("columns", {"a\nb": {"label": "two\r\nlines"}}),
        ("totals", {"columns": {"a": "mean"}}),
        ("rules", {"check": "a < b"}),
        ("sections", [{"name": "a"}]),
        ("chart", FULL_REPORT["chart"]),
        ("chart", {"mark": "bar", "encoding": {"x": {"field": "a", "type": "nominal"}}}),
        ("chart", [1]),
    ],
)
def test_what_the_form_cannot_show_stays_yaml(name: str, value: Any) -> None:
    assert not is_shown_in_full(name, value)


def test_a_simple_chart_is_described_by_fields() -> None:
    fields = chart.fields_of(CHART)
    assert fields and (fields["x"], fields["y"], fields["color"]) == ("a.b", "amount", "region")
    assert chart.spec_of(fields) == CHART
    assert is_shown_in_full("chart", CHART)
    assert chart.fields_of(CHART | {"width": 5}) is None
    begun = {"title": "T", "x": "a", "x_type": "ordinal"}
    assert chart.fields_of(chart.spec_of(begun)) == begun, "an incomplete one is not lost"
    assert chart.spec_of({"x_type": "nominal"}) is None, "no chart"
    assert set(chart.errors({"title": "T", "x_type": "nominal"}, "chart")) == {"chart.mark", "chart.x", "chart.y"}
    assert chart.errors({"mark": "bar", "x": "a", "aggregate": "count"}, "chart") == {}


def test_keys_may_be_missing_or_occur_twice_while_they_are_typed() -> None:
    named = NamedRows([["a", {}], ["", {}], ["a", {"width": 0}]])
    errors = named.errors("columns", ColumnDefinition)
    assert set(errors) == {"columns[1].column", "columns[2].column", "columns[2].width"}
    assert plain({"columns": named}) == {"columns": {"a": {}}}


def test_rows_are_changed_at_any_depth() -> None:
    entry: dict[str, Any] = {}
    for command, path in [
        ("add sections", "sections[0]"),
        ("add sections[0].columns", "sections[0].columns[0]"),
        ("add sections[0].columns[0].highlight", "sections[0].columns[0].highlight[0]"),
        ("add sections[0].totals.columns", "sections[0].totals.columns[0]"),
        ("add sections", "sections[1]"),
        ("up sections 1", "sections[0]"),
        ("remove sections 0", "sections"),
    ]:
        assert rows.change(entry, command) == path
    section = {"columns": [["", {"highlight": [{}]}]], "totals": {"columns": [["", "sum"]]}}
    assert entry == {"sections": [section]}


@pytest.mark.parametrize(
    "command",
    [
        "add name",
        "add sections[7].columns",
        "add x",
        "add sections.x",
        "move rules 1",
        "add",
        "add chart.x",
        "add rules[0",
        "",
    ],
)
def test_an_invalid_path_changes_nothing(command: str) -> None:
    entry: dict[str, Any] = {"name": "a", "sections": [{"name": "b"}]}
    assert rows.change(entry, command) is None
