"""Formatted columns of an xlsx file, opened by LibreOffice Calc: it shows the same texts as html."""

from __future__ import annotations

import datetime as dt
import shutil
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from bs4 import BeautifulSoup

from reports.rendering.columns.options import ColumnOptions
from tests.reports.rendering.arrow_types import render
from tests.reports.rendering.columns.formatted import document
from tests.reports.rendering.test_libreoffice import open_in_calc, text_of

pytestmark = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")

#: Without a half to be rounded, which html rounds to the even neighbor and spreadsheets away from zero.
NUMBERS = [1234567.891, -1234.5, 0.0, 0.126, 12345.676]
COLUMNS = {
    "plain": ColumnOptions(format="#,##0.00"),
    "indian": ColumnOptions(format="#,##,##0.00"),
    "percent": ColumnOptions(format="0.0%"),
    "money": ColumnOptions(format="#,##0.00 ¤", currency="EUR"),
    "first": ColumnOptions(format="¤#,##0.00", currency="EUR"),
    "brackets": ColumnOptions(format="#,##0.0;(#,##0.0)"),
    "whole": ColumnOptions(format="#,##0"),
    "exact": ColumnOptions(format="#,##0.0"),
    "unit": ColumnOptions(format="0.0 'km/h'"),
    "day": ColumnOptions(format="dd.MM.yyyy"),
    "month": ColumnOptions(format="d. MMMM yyyy"),
    "weekday": ColumnOptions(format="EEEE, yyyy-MM-dd"),
    "moment": ColumnOptions(format="dd/MM/yyyy HH:mm:ss"),
    "clock": ColumnOptions(format="HH:mm"),
}
MOMENTS = [dt.datetime(2024, 2, 29, 13, 5, 9), dt.datetime(1999, 12, 31), None, dt.datetime(2026, 7, 1, 0, 0, 1), None]
ROWS = pa.record_batch(
    {
        **{name: pa.array(NUMBERS) for name in ("plain", "indian", "percent", "money", "first", "brackets", "unit")},
        "whole": pa.array([10**15 - 1, -1000, 0, None, 999]),
        "exact": pa.array([Decimal(str(number)) for number in NUMBERS], pa.decimal128(15, 3)),
        **{name: pa.array([moment and moment.date() for moment in MOMENTS]) for name in ("day", "month", "weekday")},
        "moment": pa.array(MOMENTS, pa.timestamp("s")),
        "clock": pa.array([moment and moment.time() for moment in MOMENTS], pa.time64("us")),
    }
)


@pytest.mark.parametrize("locale", ["en", "de-DE", "fr-FR", "hi-IN", "ar-EG"])
def test_calc_shows_what_html_shows(locale: str, tmp_path: Path) -> None:
    columns = dict(COLUMNS)
    if locale == "hi-IN":
        # LibreOffice spells months in an older way.
        columns["month"] = ColumnOptions(format="dd/MM/yy")
    if locale not in ("en", "hi-IN"):
        # Excel's formats have these groups in English and in locales of India only.
        columns["indian"] = ColumnOptions(format="0.0")
    shown = document(columns=columns, locale=locale)
    sheets = open_in_calc(tmp_path, "matrix.xlsx", render("xlsx", ROWS, document=shown))
    table = BeautifulSoup(render("html", ROWS, document=shown), "html5lib").select_one("table.rows")
    rows = [[cell.text for cell in row.find_all("td")] for row in table.find_all("tr")][1:]
    # LibreOffice has wide spaces between the groups of French numbers.
    cells = [row[: len(columns)] for row in sheets["Data"][1 : len(rows) + 1]]
    in_calc = [[text_of(cell).replace("\xa0", "\u202f") for cell in row] for row in cells]
    assert in_calc == [[text.replace("\xa0", "\u202f") for text in row] for row in rows]
    assert rows[0][0] == {
        "en": "1,234,567.89", "de-DE": "1.234.567,89", "fr-FR": "1\u202f234\u202f567,89", "hi-IN": "1,234,567.89",
        "ar-EG": "\u0661\u066c\u0662\u0663\u0664\u066c\u0665\u0666\u0667\u066b\u0668\u0669",
    }[locale]  # fmt: skip
