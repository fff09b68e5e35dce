"""Designed documents: the data of a template, and the text of its pdf, read back with pdftotext."""

from __future__ import annotations

import datetime as dt
import io
import sqlite3
import subprocess
from contextlib import closing
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from reports.documents import context
from reports.documents.compiler import (
    CompiledDocument,
    CompileRequest,
    TemplateInvalid,
    compile_document,
    syntax_errors,
)
from reports.documents.template_renderer import MAX_BYTES, MAX_ROWS, TemplateRenderer
from reports.engine import RunSpec, run
from reports.exceptions import FormatCannotHold
from reports.rendering.base import Document, Template
from reports.sources.base import SourceSpec
from tests.reports.rendering.arrow_types import opaque_numeric
from tests.reports.rendering.pdf_reader import needs_poppler

pytestmark = needs_poppler
IMPORT = '#import "report.typ": *\n'
#: Separates values in the text of a pdf.
END = " ¶\n\n"


def designed(template: str, parameters: dict[str, str | None] | None = None) -> Document:
    return Document(
        title="Invoices & <co>",
        description="All of them.",
        version=3,
        generated_at=dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC),
        template=Template(text=IMPORT + template, parameters=parameters or {}, seconds=30),
    )


def pdf(batch: pa.RecordBatch, template: str, truncated: str | None = None, **parameters: str | None) -> bytes:
    out = io.BytesIO()
    writer = TemplateRenderer().open(out, batch.schema, designed(template, parameters))
    writer.write(batch)
    writer.close(rows=batch.num_rows, truncated=truncated)
    return out.getvalue()


def words(data: bytes) -> str:
    done = subprocess.run(["pdftotext", "-raw", "-", "-"], input=data, capture_output=True, check=True)
    return " ".join(done.stdout.decode().split())


def values(batch: pa.RecordBatch, *expressions: str) -> list[str]:
    """The text that a document shows for each of these Typst expressions."""
    shown = words(pdf(batch, "".join(f"#({expression}){END}" for expression in expressions)))
    return [value.strip() for value in shown.split("¶")[:-1]]


CASES: list[tuple[str, pa.Array, str, str]] = [
    ("integer", pa.array([-(2**63)], pa.int64()), "int", "-9223372036854775808"),
    ("unsigned", pa.array([2**64 - 1], pa.uint64()), "decimal", "18446744073709551615"),
    ("float", pa.array([0.1]), "float", "0.1"),
    ("nan", pa.array([float("nan")]), "float", "nan"),
    ("infinite", pa.array([float("-inf")]), "float", "-inf"),
    ("decimal", pa.array([Decimal("1.50")], pa.decimal128(12, 2)), "decimal", "1.50"),
    (
        "most digits",
        pa.array([Decimal("12345678901234567890.12345678")], pa.decimal128(28, 8)),
        "decimal",
        "12345678901234567890.12345678",
    ),
    ("more digits", pa.array([Decimal("9" * 38)], pa.decimal128(38, 0)), "str", "9" * 38),
    ("numeric", opaque_numeric(["1234.50"]), "decimal", "1234.50"),
    ("long numeric", opaque_numeric(["9" * 40]), "str", "9" * 40),
    ("no number", opaque_numeric(["NaN"]), "str", "NaN"),
    ("boolean", pa.array([True]), "bool", "true"),
    ("date", pa.array([dt.date(2024, 2, 29)]), "datetime", "2024-02-29"),
    ("far date", pa.array([2**31 - 2], pa.date32()), "str", "+5881580-07-10"),
    ("infinite date", pa.array([1 - 2**31], pa.date32()), "str", "-infinity"),
    ("infinite timestamp", pa.array([2**63 - 1], pa.timestamp("us", "UTC")), "str", "infinity"),
    ("time", pa.array([dt.time(23, 59, 59)], pa.time64("us")), "datetime", "23:59:59.000000"),
    ("moment", pa.array([dt.datetime(2024, 2, 29, 1, 2, 3)], pa.timestamp("s")), "datetime", "2024-02-29 01:02:03"),
    ("moment in a zone", pa.array([0], pa.timestamp("s", "Asia/Tokyo")), "datetime", "1970-01-01 00:00:00Z"),
    ("duration", pa.array([3_661_500], pa.duration("ms")), "str", "1:01:01.5"),
    ("binary", pa.array([b"\x00\xff"]), "str", "00ff"),
    ("list", pa.array([[1, None]]), "str", "[1,null]"),
    ("text", pa.array(["ça, Ελλάδα, Живаго"]), "str", "ça, Ελλάδα, Живаго"),
]


@pytest.fixture(scope="module")
def matrix() -> list[list[str]]:
    """For each case: the value's type, its text, and NULL. One document for all, because each takes a while."""
    columns = {name: array for name, array, *_ in CASES}
    nulls = {f"no {name}": pa.array([None], array.type) for name, array, *_ in CASES}
    expressions = [
        expression
        for at, (name, *_) in enumerate(CASES)
        for expression in (
            f'repr(type(rows.first().at("{name}")))',
            f"texts.first().at({at})",
            f'repr(rows.first().at("no {name}"))',
        )
    ]
    texts = values(pa.record_batch(columns | nulls), *expressions)
    return [texts[at : at + 3] for at in range(0, len(texts), 3)]


@pytest.mark.parametrize("at", range(len(CASES)), ids=[name for name, *_ in CASES])
def test_a_value_has_a_type_that_holds_it_and_an_exact_text(matrix, at):
    _, _, kind, text = CASES[at]
    assert matrix[at] == [kind, text, "none"]


def test_calculations_with_decimals_are_exact():
    batch = pa.record_batch({"price": pa.array([Decimal("0.10"), Decimal("19.99")], pa.decimal128(10, 2))})
    assert values(batch, "rows.map(row => row.price * 3).sum()", "rows.first().price") == ["60.27", "0.10"]


MARKUP = ['#read("/etc/passwd")', "{{7*7}}", "*bold* _it_ $x$ `raw` @ref <label>", "= Head", '"#eval("1+1")', "\\u{41}"]


def test_values_parameters_and_names_are_never_run():
    batch = pa.record_batch({"#panic() *x*": MARKUP})
    shown = words(
        pdf(batch, '#for row in rows [#row.at("#panic() *x*") ]#columns.first().name #rows-table()', given=MARKUP[0])
    )
    for text in (*MARKUP, "#panic() *x*"):
        assert shown.count(text) == 2
    assert words(pdf(batch, "#parameters.given", given=MARKUP[0])) == MARKUP[0]


def test_a_template_can_describe_the_report():
    batch = pa.record_batch({"id": [1, 2]})
    template = (
        "#report.name|#report.description|#report.version|#report.row-count|#repr(report.truncated)|#parameters.a|"
    )
    template += "#repr(parameters.b)|#report.generated.display()"
    assert words(pdf(batch, template, a="north", b=None)) == (
        "Invoices & <co>|All of them.|3|2|none|north|none|2026-03-01 09:30:00"
    )
    assert words(pdf(batch, "#report.truncated", truncated="Only 2 rows are included.")) == "Only 2 rows are included."


def test_totals_are_exact():
    batch = pa.record_batch(
        {
            "cents": pa.array([Decimal("0.10"), Decimal("0.20"), None], pa.decimal128(20, 2)),
            "count": [2**62, 2**62, 1],
            "ratio": [0.1, 0.2, None],
            "bill": opaque_numeric(["1.5", "2.25", None]),
            "word": ["a", "b", "c"],
        }
    )
    assert values(
        batch, "totals.cents", "totals.count", "totals.ratio", "totals.bill", 'totals.at("word", default: 0)'
    ) == [
        "0.30", "9223372036854775809", "0.30000000000000004", "3.75", "0",
    ]  # fmt: skip
    assert values(batch.slice(0, 0), "totals.cents", "totals.count") == ["0", "0"]


FORMATTED = {
    'number(decimal("1234567.891"), digits: 2)': "1,234,567.89",
    'number(decimal("-1234.5"), digits: 2)': "\u22121,234.50",
    'number(decimal("12.345678901234567890"))': "12.345678901234567890",
    "number(999)": "999",
    "number(-1000)": "\u22121,000",
    'number(1234.5, digits: 0, separator: ".", point: ",")': "1.235",
    "number(none)": "\u2013",
    "number(1e21)": "1,000,000,000,000,000,000,000",
    'number(float("nan"), digits: 1)': "NaN",
    "day(datetime(year: 2013, month: 1, day: 5))": "5 January 2013",
    'day("2013-01-05", format: "[day].[month].[year]")': "05.01.2013",
    "day(none)": "\u2013",
}


def test_numbers_and_dates_are_formatted():
    assert values(pa.record_batch({"id": [1]}), *FORMATTED) == list(FORMATTED.values())


def test_a_character_that_no_font_has_is_shown_by_its_code():
    # An unassigned character: no font has it.
    shown = words(pdf(pa.record_batch({"name": ["before \U000e1234 after"]}), "#rows.first().name"))
    assert shown == "before [U+E1234] after"
    with pytest.raises(TemplateInvalid) as caught:
        pdf(pa.record_batch({"name": ["x"]}), "two\n\U000e1234")
    assert (caught.value.diagnostics[0].line, "No font" in caught.value.message) == (3, True)


def test_control_characters_are_shown_by_their_codes():
    # The second value has the text of JSON's escape for NUL, which is no NUL.
    batch = pa.record_batch({"a": ["x\0\x1b\by", '\\u0000\t"\0"\n.']})
    shown = words(pdf(batch, "#rows.map(row => row.a).join([ | ]) #parameters.p", p="\x01"))
    assert shown == 'x[U+0000][U+001B][U+0008]y | \\u0000"[U+0000]" . [U+0001]'
    every = "".join(map(chr, range(32)))
    assert pdf(pa.record_batch({"a": [every]}), "#rows-table()", p=every).startswith(b"%PDF")


def test_the_included_fonts_have_many_scripts():
    text = "Příliš žluťoučký Ελληνικά Українська ½ € 漢字 かな 한국 ไทย हिन्दी తెలుగు ሰላም 😀"
    assert words(pdf(pa.record_batch({"name": [text]}), "#rows.first().name")) == text
    fonts = subprocess.run(
        ["pdffonts", "-"], input=pdf(pa.record_batch({"a": [1]}), "Text"), capture_output=True, check=True
    )
    assert b" yes yes yes " in fonts.stdout, "Fonts are embedded as subsets, and their text can be copied."


def errors(template: str) -> list[tuple[int | None, int | None, str]]:
    with pytest.raises(TemplateInvalid) as caught:
        pdf(pa.record_batch({"price": [1]}), template)
    return [(error.line, error.column, error.message) for error in caught.value.diagnostics]


def test_an_error_has_its_line_and_column():
    # IMPORT is line 1.
    assert errors("Dear Sir\n\n  #unknown") == [(4, 4, "Unknown variable: unknown.")]
    assert errors("#let a = (\n\n#let b = (")[0][:2] == (2, 10)
    assert errors("#rows.first().prize") == [(2, 15, 'Dictionary does not contain key "prize".')]
    assert errors("\n#number(1, digits: none)")[0][:2] == (3, 2), "not the line of report.typ where it is raised"


def test_all_syntax_errors_show_without_data():
    assert [(error.line, error.column) for error in syntax_errors("a #let = 1\n\n#let = 2")] == [(1, 7), (3, 5)]
    assert syntax_errors("fine #unknown") == []


def spec(tmp_path, limits: Any, query: str, **changes: Any) -> RunSpec:
    with closing(sqlite3.connect(tmp_path / "source.db")) as con, con:
        con.execute("create table t (a)")
        con.executemany("insert into t values (?)", ((n,) for n in range(MAX_ROWS + 1)))
    source = SourceSpec(kind="sqlite", location=str(tmp_path / "source.db"))
    document = designed("#report.row-count rows, #report.truncated")
    return RunSpec(source=source, query=query, values={}, formats=("pdf",), document=document, limits=limits, **changes)


def test_the_engine_renders_pdf_with_the_template(tmp_path, limits):
    result = run(spec(tmp_path, limits, "select a from t", max_rows=10), tmp_path / "out", lambda *_: None)
    assert words((tmp_path / "out").read_bytes()).startswith("10 rows, Only the first 10 rows are included")
    assert (result.rows, result.files[0].size) == (10, (tmp_path / "out").stat().st_size)


def test_too_many_rows_or_bytes_fail_early_and_name_better_formats(tmp_path, limits):
    with pytest.raises(FormatCannotHold) as caught:
        run(spec(tmp_path, limits, "select a from t"), tmp_path / "out", lambda *_: None)
    assert caught.value.message == (
        "A designed document can have at most 5,000 rows, and this result has more. Choose csv or parquet instead."
    )
    writer = TemplateRenderer().open(io.BytesIO(), pa.schema({"a": pa.string()}), designed(""))
    with pytest.raises(FormatCannotHold, match="at most 16 MB of values"):
        writer.write(pa.record_batch({"a": ["x" * (MAX_BYTES + 1)]}))


def test_pages_can_be_rendered_as_pictures():
    document = pictures("One\n#pagebreak()\nTwo")
    assert [file[:8] for file in document.files] == [b"\x89PNG\r\n\x1a\n"] * 2


def pictures(template: str) -> CompiledDocument:
    schema = pa.schema({"a": pa.int64()})
    data = context.as_json(designed(""), [context.Table(schema, [[]])], None)
    timestamp = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return compile_document(
        CompileRequest(template=template, data=data, timestamp=timestamp, seconds=20, memory_bytes=2**29, ppi=50)
    )
