"""Templates from definitions files and the API: compiled before they are stored, with errors by line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from reports.definitions.export import export_definitions
from reports.models import ReportConfiguration, Tenant
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import ENV, apply_definitions, create_flights, sample, write_definitions

pytestmark = pytest.mark.django_db(databases="__all__")

URL = "/api/v1/reports"
VALID = '#import "report.typ": *\n#for row in rows [#row.carrier: #row.delay]\n'
INVALID = '#import "report.typ": *\n\n#for row in rows [#row.carier]\n'
QUERY = "select carrier, delay from flights where :start is null or flight_date between :start and :end"


@pytest.fixture(autouse=True)
def _source(tmp_path):
    create_flights(tmp_path)


def definitions(**changes: Any) -> dict[str, Any]:
    data = sample()
    data["reports"][0] |= {"query": QUERY} | changes
    return data


def apply(folder: Any, data: object, monkeypatch: Any) -> tuple[int, str]:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    err = StringIO()
    try:
        call_command("apply", str(write_definitions(folder, data)), stdout=StringIO(), stderr=err)
    except SystemExit as left:
        return int(left.code or 0), err.getvalue()
    return 0, err.getvalue()


def version() -> Any:
    return ReportConfiguration.objects.get(slug="carrier-delays").version


def test_a_template_file_is_applied_and_exported(tmp_path, monkeypatch):
    (tmp_path / "designs").mkdir()
    (tmp_path / "designs/letter.typ").write_text(VALID)
    assert apply(tmp_path, definitions(template_file="designs/letter.typ"), monkeypatch) == (0, "")
    assert version().options["template"] == VALID
    text, _ = export_definitions(Tenant.objects.all())
    assert yaml.safe_load(text)["reports"][0]["template"] == VALID
    assert "template: |\n" in text, "as a block that people can read"
    (tmp_path / "designs/letter.typ").write_text(f"{VALID}Yours")
    apply(tmp_path, definitions(template_file="designs/letter.typ"), monkeypatch)
    assert version().number == 2


def test_a_template_error_changes_nothing_and_is_reported_with_both_lines(tmp_path, monkeypatch):
    (tmp_path / "letter.typ").write_text(INVALID)
    data = write_definitions(tmp_path, definitions(template_file="letter.typ")).read_text()
    line = data[: data.index("template_file")].count("\n") + 1
    code, stderr = apply(tmp_path, data, monkeypatch)
    assert code == 1
    assert f"definitions.yaml:{line}: reports[0].template: Line 3, column 24:" in stderr
    assert 'Dictionary does not contain key "carier".' in stderr
    assert not ReportConfiguration.objects.exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"template_file": "nowhere.typ"}, "nowhere.typ: Can't be read: No such file or directory."),
        ({"template_file": ["x"]}, "Must be the path of a file. It can't be combined with template."),
        ({"template_file": "definitions.yaml", "template": "x"}, "It can't be combined with template."),
        ({"template": "x", "formats": ["csv"]}, "A template designs the pdf. Add pdf to the formats."),
        ({"template": ""}, "Must not be empty."),
    ],
)
def test_an_invalid_template_field_is_refused(tmp_path, monkeypatch, changes, sentence):
    code, stderr = apply(tmp_path, definitions(**changes), monkeypatch)
    assert (code, sentence in stderr) == (1, True), stderr


@pytest.mark.parametrize("gone", ["data/flights.db", "data"])
def test_without_its_data_source_only_the_syntax_of_a_template_is_checked(tmp_path, monkeypatch, gone):
    path = tmp_path / gone
    path.rename(tmp_path / "elsewhere")
    assert apply(tmp_path, definitions(template=INVALID), monkeypatch)[0] == 0
    code, stderr = apply(tmp_path, definitions(template="fine\n#let = 3"), monkeypatch)
    assert (code, "reports[0].template: Line 2, column 5: Expected pattern." in stderr) == (1, True), stderr


def test_a_template_that_fails_without_rows_is_refused(tmp_path, monkeypatch):
    empty = definitions(query=f"{QUERY} limit 0", template='#import "report.typ": *\n#rows.first().carrier')
    code, stderr = apply(tmp_path, empty, monkeypatch)
    assert (code, "Line 2, column 2: " in stderr) == (1, True)


def test_the_api_stores_templates_and_reports_errors_by_line(tmp_path):
    apply_definitions(tmp_path, definitions())
    alice = client("alice")
    new = {"slug": "letter", "name": "Letter", "data_source": "flights", "query": "select carrier from flights"}
    new |= {"formats": ["pdf"], "template": INVALID}
    answer = alice.post(URL, new, format="json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["template"])
    assert answer.json()["fields"]["template"][0].startswith("Line 3, column 24: ")
    assert (
        alice.post(URL, new | {"template": '#import "report.typ": *\n#report.name'}, format="json").status_code == 201
    )
    patched = alice.patch(f"{URL}/carrier-delays", {"template": VALID}, format="json")
    assert (patched.status_code, patched.json()["definition"]["template"]) == (200, VALID)
    broken = alice.patch(f"{URL}/carrier-delays", {"query": QUERY.replace("delay", "1 as one")}, format="json")
    assert broken.status_code == 400, "a query without the column that the template shows"
    assert version().number == 2
    assert alice.patch(f"{URL}/carrier-delays", {"template": None}, format="json").status_code == 200
    assert "template" not in version().options


def test_validate_reports_the_line(tmp_path):
    apply_definitions(tmp_path, definitions(template=VALID))
    alice = client("alice")
    result = alice.post(f"{URL}/carrier-delays/validate", {}, format="json").json()
    assert (result["valid"], result["templateFaults"]) == (True, [])
    assert result["formats"][0]["message"].startswith("A designed document can have at most 5,000 rows")
    draft = definitions(template=INVALID)["reports"][0]
    result = alice.post(f"{URL}/carrier-delays/validate", {"definition": draft}, format="json").json()
    message = 'Dictionary does not contain key "carier".'
    assert result["templateFaults"][0]["line"] == 3
    assert (result["valid"], result["templateFaults"][0]["message"].startswith(message)) == (False, True)
    assert result["faults"][0].startswith(f"Template: Line 3, column 24: {message}")


def test_check_reports_finds_templates_that_fail_on_newer_data(tmp_path):
    apply_definitions(tmp_path, definitions(template=f"{VALID}\n#assert(rows.len() == 1)"))
    with closing(sqlite3.connect(tmp_path / "data/flights.db")) as database, database:
        database.execute("insert into flights values ('B6', '2013-06-02', null)")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_reports", "carrier-delays", stdout=out, stderr=StringIO())
    assert "acme/carrier-delays: Template: Line 4, column 2: Assertion failed." in out.getvalue()
