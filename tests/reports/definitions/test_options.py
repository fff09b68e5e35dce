"""Options for files and limits, from the definitions file to the result."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.db import DatabaseError, transaction

from reports import engine
from reports.definitions import parse_report
from reports.definitions.errors import errors_in
from reports.definitions.from_database import definition_of
from reports.exceptions import InvalidDefinition, ResultTooLarge
from reports.models import ReportConfiguration
from reports.parameters.values import to_json, typed_values
from reports.run_spec import build_run_spec
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.reports.parameters.declared import NOON

pytestmark = pytest.mark.django_db

QUERY = "select n, text from t where n <= :most order by n"


def define_report(folder: Path, **options: Any) -> ReportConfiguration:
    """Define a report of 5,000 rows with these fields."""
    with closing(sqlite3.connect(folder / "rows.db")) as database, database:
        database.execute("create table if not exists t (n integer, text text)")
        database.execute("delete from t")
        database.executemany("insert into t values (?, ?)", ((n, f"=row; {n}") for n in range(1, 5_001)))
    data = sample()
    data["data_sources"].append({"slug": "rows", "tenant": "acme", "kind": "sqlite", "location": "rows.db"})
    data["reports"].append(
        {"slug": "rows", "tenant": "acme", "name": "Rows", "data_source": "rows", "query": QUERY,
         "parameters": [{"name": "most", "type": "integer", "default": 5_000}],
         "formats": ["csv", "json", "xlsx", "html", "pdf", "parquet", "ndjson"]} | options
    )  # fmt: skip
    apply_definitions(folder, data)
    return ReportConfiguration.objects.get(slug="rows")


def run_report(
    report: ReportConfiguration, format: str, folder: Path, **parameters: object
) -> tuple[engine.RunResult, bytes]:
    path = folder / f"result.{format}"
    values = to_json(typed_values(report.version.declared_parameters(), parameters, NOON))
    spec = build_run_spec(report.version, values, [format], folder, labels={}, caller=None)
    result = engine.run(spec, path, lambda rows, size, total: None)
    return result, path.read_bytes()


def test_without_options_csv_has_commas_and_no_limit(tmp_path):
    report = define_report(tmp_path)
    result, content = run_report(report, "csv", tmp_path, most=2)
    assert content == b"n,text\r\n1,'=row; 1\r\n2,'=row; 2\r\n"
    assert result.truncated is None
    assert report.version.options == {}


def test_csv_options_are_applied(tmp_path):
    report = define_report(tmp_path, csv={"delimiter": ";", "byte_order_mark": True, "formula_guard": False})
    _, content = run_report(report, "csv", tmp_path, most=2)
    assert content == '\ufeffn;text\r\n1;"=row; 1"\r\n2;"=row; 2"\r\n'.encode()


def test_one_csv_option_leaves_the_others_at_their_default(tmp_path):
    _, content = run_report(define_report(tmp_path, csv={"delimiter": "\t"}), "csv", tmp_path, most=1)
    assert content == b"n\ttext\r\n1\t'=row; 1\r\n"


def test_max_bytes_truncates_the_result_with_a_sentence(tmp_path):
    result, content = run_report(define_report(tmp_path, max_bytes=20_000), "csv", tmp_path)
    assert 20_000 <= result.files[0].size == len(content) < 40_000
    assert result.truncated == (
        f"Only the first {result.rows:,} rows are included: the report allows files of 20 kB at most."
    )


@pytest.mark.parametrize("limit", [{"max_rows": 4_999}, {"max_bytes": 20_000}])
def test_on_limit_fail_fails_the_run(tmp_path, limit):
    with pytest.raises(ResultTooLarge):
        run_report(define_report(tmp_path, on_limit="fail", **limit), "csv", tmp_path)
    assert not (tmp_path / "result.csv").exists()


def test_a_pdf_larger_than_max_bytes_fails_with_a_sentence(tmp_path):
    with pytest.raises(ResultTooLarge, match=r"The pdf file is larger than the 20 kB that the report allows"):
        run_report(define_report(tmp_path, max_bytes=20_000), "pdf", tmp_path)


SENTENCE = "Only the first 1,234 rows are included: the report allows no more."


def test_xlsx_states_the_truncation_in_a_sheet(tmp_path):
    _, content = run_report(define_report(tmp_path, max_rows=1_234), "xlsx", tmp_path)
    about = openpyxl.load_workbook(io.BytesIO(content))["About this report"]
    facts = dict(about.iter_rows(min_row=3, max_col=2, values_only=True))
    assert (facts["Rows"], facts["Truncated"]) == (1_234, SENTENCE)


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext is not installed")
def test_pdf_states_the_truncation_in_every_footer(tmp_path):
    run_report(define_report(tmp_path, max_rows=1_234), "pdf", tmp_path)
    command = ["pdftotext", "-layout", "result.pdf", "-"]
    pdftotext = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    pages = pdftotext.stdout.decode().removesuffix("\f").split("\f")
    assert len(pages) > 10
    assert all(SENTENCE in page for page in pages)


def test_html_states_the_truncation_at_its_end(tmp_path):
    _, content = run_report(define_report(tmp_path, max_rows=1_234), "html", tmp_path)
    assert re.search(rf'<p class="truncated" role="alert">{re.escape(SENTENCE)}</p>', content.decode())


OPTIONS = {
    "csv": {"delimiter": "|", "byte_order_mark": True, "formula_guard": True, "header": "names"},
    "max_bytes": 5_000_000,
    "on_limit": "fail",
}


def test_the_definition_is_read_back_and_applied_again_without_a_change(tmp_path):
    report = define_report(tmp_path, **OPTIONS)
    entry = definition_of(report).entry()
    assert {name: entry[name] for name in OPTIONS} == OPTIONS
    assert parse_report(entry) == parse_report(parse_report(entry).entry())
    define_report(tmp_path, **OPTIONS)
    report.refresh_from_db()
    assert report.version.number == 1


def test_a_changed_option_creates_a_version(tmp_path):
    first = define_report(tmp_path, **OPTIONS).version
    second = define_report(tmp_path, **OPTIONS | {"on_limit": "truncate"}).version
    assert (first.number, second.number) == (1, 2)
    assert "on_limit" not in second.options
    first.refresh_from_db()
    assert first.options["on_limit"] == "fail"


def test_the_database_refuses_to_change_the_options_of_a_version(tmp_path):
    version = define_report(tmp_path).version
    version.options = {"on_limit": "fail"}
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        version.save()


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"csv": {"delimiter": ""}}, "csv.delimiter"),
        ({"csv": {"delimiter": ";;"}}, "csv.delimiter"),
        ({"csv": {"delimiter": '"'}}, "csv.delimiter"),
        ({"csv": {"delimiter": "\n"}}, "csv.delimiter"),
        ({"csv": {"delimiter": "-"}}, "csv.delimiter"),
        ({"csv": {"delimiter": "7"}}, "csv.delimiter"),
        ({"csv": {"formula_guard": "no"}}, "csv.formula_guard"),
        ({"csv": {"quote": "'"}}, "csv.quote"),
        ({"csv": None}, "csv"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 10.5}, "max_bytes"),
        ({"on_limit": "ignore"}, "on_limit"),
    ],
)
def test_an_error_names_its_field(options, path):
    entry = sample()["reports"][0] | options
    with pytest.raises(InvalidDefinition) as caught:
        parse_report(entry)
    assert list(errors_in(caught.value)) == [path]


def test_sections_survive_the_database_and_run(tmp_path):
    sections = [
        {"name": "few", "query": "select n from t where n <= :most order by n", "columns": {"n": {"label": "N°"}},
         "totals": {"columns": {"n": "sum"}}},
        {"name": "count", "title": "How many", "query": "select count(*) as rows from t",
         "chart": {"mark": "bar", "encoding": {"y": {"field": "rows"}}}},
    ]  # fmt: skip
    report = define_report(tmp_path, query="", sections=sections)
    assert (report.version.query, report.version.section_queries["count"]) == ("", "select count(*) as rows from t")
    stored = definition_of(report)
    assert parse_report(stored.entry()) == parse_report(parse_report(stored.entry()).entry())
    assert stored.entry()["sections"][0]["columns"] == {"n": {"label": "N°"}}
    result, content = run_report(report, "json", tmp_path, most=2)
    assert (result.rows, content) == (3, b'{"few": [\n{"n":1},\n{"n":2}\n]\n, "count": [\n{"rows":5000}\n]\n}\n')
    again = define_report(tmp_path, query="", sections=sections)
    assert again.version.number == 1, "nothing has changed"
    changed = [sections[0], sections[1] | {"title": "Number"}]
    assert define_report(tmp_path, query="", sections=changed).version.number == 2
