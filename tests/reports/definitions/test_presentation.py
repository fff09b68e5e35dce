"""Totals and charts, from the definitions file to the result."""

from __future__ import annotations

import pytest

from reports.definitions import parse_report
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of
from reports.dry_run.check import check
from reports.dry_run.target import DryRunTarget
from reports.exceptions import DesignMismatch, InvalidDefinition
from tests.reports.definitions.sample_file import sample
from tests.reports.definitions.test_options import define_report, run_report
from tests.reports.parameters.declared import NOON

pytestmark = pytest.mark.django_db

TOTALS = {"group_by": ["text"], "columns": {"n": "sum"}, "grand": True, "decimals": None}


def test_a_report_shows_the_totals_of_its_definition(tmp_path):
    report = define_report(tmp_path, totals={"columns": {"n": "average", "text": "count"}, "decimals": 1})
    _, content = run_report(report, "html", tmp_path, most=4)
    assert (
        '<tr class="total"><td title="average" class="right">2.5</td><td title="count" class="right">4</td></tr>'
        in (content.decode())
    )


def test_the_definition_is_read_back_and_applied_again_without_a_change(tmp_path):
    report = define_report(tmp_path, totals=TOTALS)
    entry = definition_of(report).entry()
    assert entry["totals"] == TOTALS
    assert parse_report(parse_report(entry).entry()) == parse_report(entry)
    define_report(tmp_path, totals=TOTALS)
    report.refresh_from_db()
    assert report.version.number == 1
    assert report.version.options == {"totals": {"group_by": ["text"], "columns": {"n": "sum"}}}
    assert "totals" not in define_report(tmp_path).version.options


def test_an_unknown_column_fails_the_run_and_the_check(tmp_path):
    report = define_report(tmp_path, totals={"columns": {"nix": "sum"}})
    sentence = "totals.columns.nix: The query has no column nix. It has n, text."
    assert check(DryRunTarget.of_version(report.version, NOON, "tester"), {}, actor="tester").errors == [sentence]
    assert check(
        DryRunTarget.of_definition(definition_of(report), report.version.source(), NOON, "tester"), {}, actor="tester"
    ).errors == [sentence]
    with pytest.raises(DesignMismatch) as caught:
        run_report(report, "pdf", tmp_path)
    assert caught.value.message == sentence
    assert not (tmp_path / "result.pdf").exists()


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"totals": {}}, "totals.columns"),
        ({"totals": {"columns": {}}}, "totals.columns"),
        ({"totals": {"columns": {"": "sum"}}}, "totals.columns"),
        ({"totals": {"columns": {"x" * 201: "sum"}}}, "totals.columns"),
        ({"totals": {"columns": ["n"]}}, "totals.columns"),
        ({"totals": {"columns": {"n": "median"}}}, "totals.columns.n"),
        ({"totals": {"columns": {"n": "sum"}, "group_by": ["n"]}}, "totals.columns.n"),
        ({"totals": {"columns": {"n": "sum"}, "group_by": ["a", "a"]}}, "totals.group_by[1]"),
        ({"totals": {"columns": {"n": "sum"}, "group_by": "a"}}, "totals.group_by"),
        ({"totals": {"columns": {"n": "sum"}, "grand": False}}, "totals.grand"),
        ({"totals": {"columns": {"n": "sum"}, "decimals": 16}}, "totals.decimals"),
        ({"totals": {"columns": {"n": "sum"}, "colour": "red"}}, "totals.colour"),
        ({"chart": "bar"}, "chart"),
        ({"chart": {"encoding": {}}}, "chart"),
        ({"chart": {"mark": "bar", "data": {"url": "https://example.com/"}}}, "chart.data"),
        ({"chart": {"layer": [{"mark": {"type": "text", "href": "x"}}]}}, "chart.layer[0].mark.href"),
    ],
)
def test_an_error_names_its_field(options, path):
    with pytest.raises(InvalidDefinition) as caught:
        parse_report(sample()["reports"][0] | options)
    assert list(errors_in(caught.value)) == [path]


CHART = {"mark": "bar", "encoding": {"x": {"field": "text", "axis": None}, "y": {"field": "n", "type": "quantitative"}}}


def test_a_report_shows_the_chart_of_its_definition(tmp_path):
    report = define_report(tmp_path, chart=CHART, max_rows=3)
    _, content = run_report(report, "html", tmp_path)
    assert content.count(b"<svg ") == 1
    assert b"<figcaption>The chart shows only these 3 rows. The result has more.</figcaption>" in content
    assert definition_of(report).entry()["chart"] == CHART
    define_report(tmp_path, chart=CHART, max_rows=3)
    report.refresh_from_db()
    assert report.version.number == 1


def test_a_chart_that_does_not_match_the_columns_fails_the_check(tmp_path):
    report = define_report(tmp_path, chart={"mark": "bar", "encoding": {"x": {"field": "nix"}}})
    sentence = "chart.encoding.x.field: The query has no column nix. It has n, text."
    assert check(DryRunTarget.of_version(report.version, NOON, "tester"), {}, actor="tester").errors == [sentence]
    with pytest.raises(DesignMismatch, match=r"no column nix"):
        run_report(report, "xlsx", tmp_path)
    refused = define_report(tmp_path, chart={"mark": "bar", "encoding": {"x": {"field": "n", "type": "numbers"}}})
    (error,) = check(DryRunTarget.of_version(refused.version, NOON, "tester"), {}, actor="tester").errors
    assert error.startswith("chart: Vega-Lite refused it: ")
