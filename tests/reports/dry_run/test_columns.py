"""Columns are checked against the query: by validate, check_reports and saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports import actions
from reports.models import DataSource, ReportConfiguration
from tests.reports.api.clients import client
from tests.reports.dry_run.helpers import check, check_reports, definition, target, validate

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("stored_reports")]

URL = "/api/v1/reports/carrier-delays"
MISSING = "The query has no column carier. It has carrier."
WRONG = {
    "n": {"format": "dd.MM.yyyy", "highlight": [{"when": "= 'x'", "as": "bad"}]},
    "day": {"format": "dd.MM.yyyy HH:mm"},
    "name": {"format": "0.0", "currency": "EUR"},
    "moment": {"format": "#,##0"},
    "flag": {"currency": "EUR", "highlight": [{"when": "> 3", "as": "bad"}]},
}


def test_validate_names_columns_that_the_query_doesnt_return() -> None:
    result = validate(definition=definition(columns={"carier": {"label": "Airline"}, "carrier": {}}))
    assert result["faults"] == [f"columns.carier: {MISSING}"] and not result["valid"]


def test_a_report_isnt_saved_with_a_column_that_its_query_doesnt_return() -> None:
    api = client("alice")
    for answer in (
        api.patch(URL, {"columns": {"carier": {"label": "Airline"}}}, format="json"),
        api.put(URL, definition(columns={"carier": {"label": "Airline"}}), format="json"),
        api.post("/api/v1/reports", definition(slug="other", columns={"carier": {}}), format="json"),
    ):
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_definition"
        assert answer.json()["fields"] == {"columns.carier": [MISSING]}
    assert api.patch(URL, {"columns": {"carrier": {"label": "Airline"}}}, format="json").status_code == 200


def test_a_data_source_that_doesnt_answer_keeps_nobody_from_saving() -> None:
    DataSource.objects.filter(slug="flights").update(location="/nowhere/flights.db")
    answer = client("alice").patch(URL, {"columns": {"carier": {"label": "Airline"}}}, format="json")
    assert answer.status_code == 200


def test_check_reports_names_them() -> None:
    location = DataSource.objects.get(slug="flights").location
    DataSource.objects.filter(slug="flights").update(location="/nowhere/flights.db")
    report = ReportConfiguration.objects.get(slug="carrier-delays")
    actions.patch_report(report=report, patch={"columns": {"carier": {"label": "Airline"}}}, actor="tester")
    DataSource.objects.filter(slug="flights").update(location=location)
    code, output = check_reports("carrier-delays")
    assert code == 1 and f"acme/carrier-delays: columns.carier: {MISSING}" in output


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("columns.carrier.format", "#,##0..0", "Must be a number pattern such as #,##0.00 or 0.0%, or a date pattern"),
        ("columns.carrier.format", "yyyy-bogus", "Must be a date pattern such as dd.MM.yyyy"),
        ("columns.carrier.format", "0 km", "Put letters in single quotes: 0.0 'km'."),
        ("columns.carrier.currency", "EURO", "Must be the code of a currency, such as EUR."),
        ("columns.carrier.align", "up", "Must be one of: left, center, right."),
        ("columns.carrier.width", 0, "Must be 1 or more."),
        ("columns.carrier.colour", "red", "Unknown field."),
        ("locale", "de-XX", "There is no such locale. Use a name like de-DE, en-US or fr."),
        ("locale", "de_DE", "There is no such locale."),
        ("csv.header", "titles", "Must be one of: names, labels."),
    ],
)
def test_bad_values_are_a_sentence_on_the_field(field: str, value: Any, sentence: str) -> None:
    body: dict[str, Any] = {}
    part = body
    *above, last = field.split(".")
    for name in above:
        part = part.setdefault(name, {})
    part[last] = value
    answer = client("alice").patch(URL, body, format="json")
    assert answer.status_code == 400
    assert answer.json()["fields"][field][0].startswith(sentence)


@pytest.mark.parametrize(
    ("rule", "field", "sentence"),
    [
        ({"when": "about 30", "as": "bad"}, "when", "Must be <, <=, =, !=, >= or > and a value"),
        ({"when": "> true", "as": "bad"}, "when", "true and false can only be compared with = and !=."),
        ({"when": "> 30", "as": "awful"}, "as", "Must be one of: good, bad, warning."),
        ({"when": "> 30"}, "as", "This field is required."),
    ],
)
def test_bad_highlights_are_a_sentence_on_the_field(rule: dict[str, str], field: str, sentence: str) -> None:
    answer = client("alice").patch(URL, {"columns": {"carrier": {"highlight": [rule]}}}, format="json")
    assert answer.status_code == 400
    assert answer.json()["fields"][f"columns.carrier.highlight[0].{field}"][0].startswith(sentence)


def test_a_sign_of_a_currency_needs_one() -> None:
    answer = client("alice").patch(URL, {"columns": {"carrier": {"format": "¤0"}}}, format="json")
    assert list(answer.json()["fields"]) == ["columns.carrier.currency"]


def test_formats_that_dont_fit_a_certain_type_are_named(tmp_path: Path) -> None:
    query = "select 1 as n, date '2024-02-29' as day, 'x' as name, timestamp '2024-02-29 10:00' as moment, true as flag"
    (tmp_path / "empty.csv").write_text("a\n1\n")
    result = check(target("files", tmp_path, query, columns=_options(WRONG)), {})
    assert [error.partition(": ")[0] for error in result.errors] == [
        "columns.n.format", "columns.n.highlight[0].when", "columns.day.format", "columns.name.format",
        "columns.moment.format", "columns.flag.currency", "columns.flag.highlight[0].when",
    ]  # fmt: skip
    assert "The format is for dates and times, but the column has values of the type int" in result.errors[0]


def _options(columns: dict[str, Any]) -> Any:
    from reports.rendering.columns.options import column_options

    return column_options({"columns": columns})
