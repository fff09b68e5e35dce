"""A run of several sections: from one snapshot of the source into one file of each format."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import openpyxl
import pyarrow.parquet as pq
import pymysql
import pytest
from pypdf import PdfReader
from sqlalchemy.engine import make_url

from reports.engine import RunSpec, path_of, run
from reports.exceptions import DesignMismatch, QueryFailed, ResultTooLarge
from reports.kept_rows import file as kept_rows
from reports.kept_rows.page import RowsQuery, json_page
from reports.rendering.base import Section, Template, TotalsOptions
from reports.rendering.columns.options import ColumnOptions
from reports.sources.base import SourceSpec

FORMATS = ("xlsx", "html", "pdf", "json", "csv", "ndjson", "parquet")
CHART = {"mark": "bar", "encoding": {"x": {"field": "b"}, "y": {"field": "a", "type": "quantitative"}}}
SECTIONS = (
    Section(
        name="summary",
        title="The [summary]: all & sundry",
        columns={"n": ColumnOptions(label="How many")},
        totals=TotalsOptions(columns={"n": "sum"}),
    ),
    Section(name="details", title="Details", chart=CHART, columns={"a": ColumnOptions(format="#,##0.00", width=14)}),
    Section(name="none", title="Nothing"),
)
QUERIES = {
    "summary": "select b, count(*) as n from t group by b order by b",
    "details": "select a, b from t order by a",
    "none": "select a as c from t where a < 0",
}
DETAILS = [{"a": i, "b": f"group {i % 3}"} for i in range(30)]
SUMMARY = [{"b": f"group {i}", "n": 10} for i in range(3)]


@pytest.fixture
def spec(tmp_path, limits, document) -> RunSpec:
    with closing(sqlite3.connect(tmp_path / "source.db")) as con, con:
        con.execute("pragma journal_mode = wal")
        con.execute("create table t (a, b)")
        con.executemany("insert into t values (?, ?)", ((row["a"], row["b"]) for row in DETAILS))
    return RunSpec(
        source=SourceSpec(kind="sqlite", location=str(tmp_path / "source.db")),
        queries=QUERIES,
        section="details",
        values={},
        formats=FORMATS,
        document=replace(document, sections=SECTIONS),
        limits=replace(limits, timeout_seconds=120),
        keep_rows=1_000,
        digests_content=True,
    )


def ignore(rows: int, size: int, total: int | None) -> None:
    pass


class Page(HTMLParser):
    """The contents list of a page, and by id of its sections their headings and the texts of their cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.titles: dict[str, str] = {}
        self.cells: dict[str, list[str]] = {}
        self._section, self._tag = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self._tag = tag
        if tag == "a":
            self.links.append(dict(attributes)["href"])
        elif tag == "section":
            self._section = dict(attributes)["id"]
            self.cells[self._section] = []

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "h2" and self._section:
            self.titles[self._section] = self.titles.get(self._section, "") + data
        elif self._tag == "td" and self._section:
            self.cells[self._section].append(data)


def check_files(paths: dict[str, Path]) -> None:
    """Read every file back with another program."""
    found = json.loads(paths["json"].read_text())
    assert list(found) == ["summary", "details", "none"]
    assert found == {"summary": SUMMARY, "details": DETAILS, "none": []}
    assert list(csv.DictReader(paths["csv"].read_text().splitlines())) == [
        {"a": str(row["a"]), "b": row["b"]} for row in DETAILS
    ]
    assert [json.loads(line) for line in paths["ndjson"].read_text().splitlines()] == DETAILS
    assert pq.read_table(paths["parquet"]).to_pylist() == DETAILS

    book = openpyxl.load_workbook(io.BytesIO(paths["xlsx"].read_bytes()))
    sheets = ["The  summary   all & sundry", "Details", "Nothing", "Chart Details", "About this report"]
    assert book.sheetnames == sheets
    summary, details, nothing, chart, about = book.worksheets
    rows = [("B", "How many"), *((row["b"], row["n"]) for row in SUMMARY), ("Total", 30)]
    assert list(summary.iter_rows(values_only=True)) == rows
    assert list(details.iter_rows(min_row=2, values_only=True)) == [(row["a"], row["b"]) for row in DETAILS]
    assert list(nothing.iter_rows(values_only=True)) == [("C",)]
    assert details["A2"].number_format == "#,##0.00" and details.auto_filter.ref == "A1:B31"
    assert (len(chart._images), details.print_title_rows) == (1, "$1:$1")
    facts = {row[0]: row[1] for row in about.iter_rows(values_only=True) if row[0]}
    assert (facts["Rows"], facts["Rows of Details"], facts["Rows of Nothing"]) == (33, 30, 0)

    page = Page(paths["html"].read_text())
    assert page.links == ["#section-summary", "#section-details", "#section-none"]
    assert list(page.titles.values()) == [section.title for section in SECTIONS]
    assert page.cells["section-summary"][:2] == ["group 0", "10"]
    assert page.cells["section-details"][-2:] == ["29.00", "group 2"]
    assert page.cells["section-none"] == []

    pdf = PdfReader(paths["pdf"])
    outline = [(entry.title, pdf.get_destination_page_number(entry)) for entry in pdf.outline]
    assert [title for title, _ in outline] == [section.title for section in SECTIONS]
    texts = [page.extract_text() for page in pdf.pages]
    for title, number in outline:
        assert title in texts[number]
    whole = "\n".join(texts)
    assert (
        whole.index("Totals: sum of How many") < whole.index("30Total") < whole.index("29.00") < whole.index("Nothing")
    )
    assert f"Page {len(texts)}\n of {len(texts)}" in texts[-1]


def test_every_format_has_its_sections_in_order(spec, tmp_path):
    result = run(spec, tmp_path / "result", ignore)
    assert (result.rows, result.truncated) == (33, None)
    assert result.kept is not None and len(result.content_digest) == 64
    check_files({format: path_of(tmp_path / "result", format, spec) for format in FORMATS})


def test_kept_rows_have_every_section_and_make_the_same_files_again(spec, tmp_path):
    first = run(replace(spec, formats=("csv",)), tmp_path / "result", ignore)
    assert first.rows == 30, "the rows in the file, not those of other sections"
    kept = tmp_path / f"result.{kept_rows.NAME}"
    page = json_page(RowsQuery(path=str(kept), offset=0, limit=2, sort="a", descending=True, section="details"))
    assert (json.loads(page.json), page.total) == ([[29, "group 2"], [28, "group 1"]], 30)
    found = json_page(RowsQuery(path=str(kept), offset=0, limit=9, search="group 1", section="summary"))
    assert json.loads(found.json) == [["group 1", 10]]
    Path(spec.source.location).unlink()
    again = replace(spec, kept=kept)
    run(again, tmp_path / "again", ignore)
    check_files({format: path_of(tmp_path / "again", format, again) for format in FORMATS})


def test_rows_are_kept_of_all_sections_or_of_none(spec, tmp_path):
    assert run(replace(spec, keep_rows=33), tmp_path / "a", ignore).kept
    assert not run(replace(spec, keep_rows=32), tmp_path / "b", ignore).kept


@pytest.mark.parametrize("limit", [{"max_rows": 13}, {"max_bytes": 1_000, "formats": ("json", "html")}])
def test_limits_count_all_sections_and_cut_the_rest(spec, tmp_path, limit):
    spec = replace(spec, **{"formats": ("json", "xlsx", "csv"), **limit})
    result = run(spec, tmp_path / "result", ignore)
    found = json.loads(path_of(tmp_path / "result", "json", spec).read_text())
    rows = {name: len(rows) for name, rows in found.items()}
    assert sum(rows.values()) == result.rows < 33
    assert list(rows) == list(QUERIES) and rows["none"] == 0
    assert result.truncated and f"first {result.rows:,} rows" in result.truncated
    if "max_rows" in limit:
        assert rows == {"summary": 3, "details": 10, "none": 0}
        sheets = openpyxl.load_workbook(io.BytesIO(path_of(tmp_path / "result", "xlsx", spec).read_bytes()))
        assert sheets["The  summary   all & sundry"]["A5"].value == "Total"
    with pytest.raises(ResultTooLarge):
        run(replace(spec, on_limit="fail"), tmp_path / "other", ignore)


def test_a_conversion_of_cut_rows_knows_which_sections_are_complete(spec, tmp_path):
    totals = TotalsOptions(columns={"a": "sum"})
    sections = (SECTIONS[0], replace(SECTIONS[1], totals=totals, chart=None), SECTIONS[2])
    spec = replace(spec, document=replace(spec.document, sections=sections), formats=("html",), max_rows=13)
    first = run(spec, tmp_path / "first", ignore)
    again = replace(spec, kept=tmp_path / f"first.{kept_rows.NAME}", truncated=first.truncated, max_rows=None)
    assert run(again, tmp_path / "again", ignore).truncated == first.truncated
    pages = [(tmp_path / name).read_text() for name in ("first", "again")]
    assert pages[0] == pages[1]
    assert "Total of these 10 rows" in pages[0] and "Total of these 3 rows" not in pages[0]


def test_the_digest_depends_on_the_rows_of_each_section_but_not_on_their_order(spec, tmp_path):
    def digest(**queries: str) -> str:
        return run(replace(spec, formats=("csv",), queries=QUERIES | queries), tmp_path / "r", ignore).content_digest

    same = digest(details="select a, b from t order by a desc")
    assert same == digest() != digest(summary="select b, 10 as n from t group by b limit 2")


def test_types_of_a_later_section_widen(spec, tmp_path):
    with closing(sqlite3.connect(spec.source.location)) as con, con:
        con.execute("create table wide as select a from t")
        con.executemany("insert into wide values (?)", ((i,) for i in range(20_000)))
        con.execute("insert into wide values ('late')")
    spec = replace(spec, formats=("json",), queries=QUERIES | {"details": "select a from wide"}, section=None)
    document = replace(spec.document, sections=(SECTIONS[0], Section(name="details", title="Details")))
    run(replace(spec, document=document), tmp_path / "result", ignore)
    found = json.loads((tmp_path / "result").read_text())
    assert found["summary"] == SUMMARY and found["details"][-1] == {"a": "late"}


@pytest.mark.parametrize(
    ("query", "options", "error", "message"),
    [
        ("select nonsense", {}, QueryFailed, r"Section details: The query"),
        (QUERIES["details"], {"x": ColumnOptions()}, DesignMismatch, r"Section details: columns\.x: .* no column x"),
    ],
)
def test_errors_say_in_which_section_they_are(spec, tmp_path, query, options, error, message):
    sections = [replace(section, columns=options if section.name == "details" else {}) for section in SECTIONS]
    spec = replace(spec, queries=QUERIES | {"details": query}, document=replace(spec.document, sections=sections))
    with pytest.raises(error) as raised:
        run(spec, tmp_path / "result", ignore)
    assert re.match(message, raised.value.message), raised.value.message


def test_a_template_shows_sections(spec, tmp_path):
    text = """#import "report.typ": *
    #for part in sections [
      == #part.title
      #part.rows.len() rows, #part.totals.at("n", default: 0) in all
      #rows-table(of: part)
    ]
    First: #rows.len(). Details: #section("details").rows.at(29).a. Together: #report.row-count."""
    spec = replace(spec, formats=("pdf",), document=replace(spec.document, template=Template(text=text)))
    run(spec, tmp_path / "result", ignore)
    found = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "result").pages)
    assert "The [summary]: all & sundry" in found and "3 rows, 30 in all" in found
    assert "First: 3. Details: 29. Together: 33." in found


# --- One snapshot -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def growing(request, spec) -> Iterator[tuple[SourceSpec, Callable[[], None]]]:
    """A source with a table of one row, and a function that adds another one from a second connection."""
    setup = ["create table growing (a int)", "insert into growing values (1)"]
    if request.param == "sqlite":
        source, connection = spec.source, sqlite3.connect(spec.source.location)
    elif request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        source, connection = SourceSpec(kind="postgresql", location=url), adbc_driver_postgresql.dbapi.connect(url)
    else:
        url = request.getfixturevalue("mariadb_url")
        parts = make_url(url)
        connection = pymysql.connect(
            host=parts.host, port=parts.port or 3306, user=parts.username, password=parts.password or "",
            database=parts.database,
        )  # fmt: skip
        source = SourceSpec(kind="sql", location=url)

    def execute(*statements: str) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
        cursor.close()

    with closing(connection):
        execute(*setup)
        yield source, lambda: execute("insert into growing values (2)")
        execute("drop table growing")


def test_all_sections_see_the_data_as_they_were_at_the_first_one(spec, growing, tmp_path):
    source, grow = growing
    names = ("one", "two", "three")
    query = "select count(*) as n from growing"
    spec = replace(
        spec,
        source=source,
        queries=dict.fromkeys(names, query),
        section=None,
        formats=("json",),
        document=replace(spec.document, sections=[Section(name=name, title=name) for name in names]),
    )
    run(spec, tmp_path / "result", lambda rows, size, total: grow())
    assert json.loads((tmp_path / "result").read_text()) == {name: [{"n": 1}] for name in names}


def test_sections_of_one_server_are_cut_without_reading_on(spec, growing, tmp_path):
    """The rest of a cut section is never read, so what follows can't use its connection."""
    source, _ = growing
    many = " union all ".join(["select a as x from growing"] * 5)
    spec = replace(
        spec,
        source=source,
        queries={"one": many, "two": "select a as y from growing"},
        section=None,
        formats=("json",),
        max_rows=3,
        document=replace(spec.document, sections=[Section(name=name, title=name) for name in ("one", "two")]),
    )
    assert run(spec, tmp_path / "result", ignore).truncated
    assert json.loads((tmp_path / "result").read_text()) == {"one": [{"x": 1}] * 3, "two": []}
