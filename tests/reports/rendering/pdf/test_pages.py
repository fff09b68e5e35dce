"""PDF: read back with pdftotext, a program that shares nothing with the one that wrote it."""

from __future__ import annotations

import dataclasses
import re
import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.exceptions import FormatCannotHold
from reports.rendering.columns.views import column_views, humanized
from reports.rendering.pdf.fonts import MissingGlyphs, bold, regular, wrap
from reports.rendering.pdf.layout import LANDSCAPE, MARGIN, PORTRAIT, Layout, lay_out
from tests.reports.rendering.arrow_types import DOCUMENT, render
from tests.reports.rendering.pdf_reader import needs_poppler, pages, tool, words

printable = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)


@needs_poppler
def test_title_parameters_and_rows_read_back() -> None:
    shown = words(render("pdf", pa.record_batch({"id": [1, 2], "name": ["Ada (née \\Byron)", "Νίκος Живаго"]})))
    assert "Invoices & <co> All of them." in shown
    assert "From 2026-01-01 Country Ελλάδα Generated 2026-03-01 09:30:00 UTC Version 3" in shown
    assert "Id Name 1 Ada (née \\Byron) 2 Νίκος Живаго 2 rows" in shown
    assert "not in the font" not in shown


@needs_poppler
def test_every_row_appears_once_and_every_page_has_headings_and_a_number() -> None:
    rows = pa.record_batch({"number": list(range(1_000, 1_400)), "name": [f"row {n}" for n in range(1_000, 1_400)]})
    sheets = pages(render("pdf", rows))
    assert len(sheets) > 5
    assert [f"Page {n} of {len(sheets)}" for n in range(1, len(sheets) + 1)] == [
        match.group() for sheet in sheets if (match := re.search(r"Page \d+ of \d+", sheet))
    ]
    assert all(re.search(r"Number\s+Name", sheet) for sheet in sheets)
    found = [int(number) for sheet in sheets for number in re.findall(r"^ *(\d{4})\s+row \1$", sheet, re.M)]
    assert found == list(range(1_000, 1_400))


@needs_poppler
def test_a_heading_is_aligned_with_the_values_of_its_column() -> None:
    rows = pa.record_batch({"name": ["Ada"], "n": [123_456_789], "amount": [1.5], "much-longer-than-it": [7]})
    places = tool("pdftotext", "-bbox", "-", "-", data=render("pdf", rows))
    left, right = (
        {word: float(place) for place, word in re.findall(rf'{side}="([\d.]+)"[^>]*>([^<]*)<', places)}
        for side in ("xMin", "xMax")
    )
    assert left["Name"] == pytest.approx(left["Ada"], abs=0.2)
    for head, value in (("N", "123456789"), ("Amount", "1.5"), ("much-longer-than-it", "7")):
        assert right[head] == pytest.approx(right[value], abs=0.2)


@needs_poppler
def test_a_long_text_is_wrapped_and_complete() -> None:
    note = " ".join(f"word{n}" for n in range(120))
    row = {"id": [1], "note": [note], "path": ["/a/very/long/path" * 12], "amount": [1.5]}
    shown = words(render("pdf", pa.record_batch(row)))
    assert all(f"word{n}" in shown for n in range(120))
    assert "/a/very/long/path" * 12 in shown.replace(" ", "")


@needs_poppler
def test_a_text_longer_than_a_page_continues_on_the_next() -> None:
    note = " ".join(f"word{n}" for n in range(6_000))
    sheets = pages(render("pdf", pa.record_batch({"note": [note, "last"]})))
    assert len(sheets) > 3
    assert re.findall(r"word\d+", " ".join(sheets)) == note.split()
    assert "last" in sheets[-1]


def test_the_time_for_a_megabyte_without_a_space_grows_with_its_length() -> None:
    def processor_seconds(length: int) -> float:
        started = time.process_time()
        assert render("pdf", pa.record_batch({"v": ["x" * length], "w": ["\u4e2d\u6587" * (length // 10)]}))
        return time.process_time() - started

    # Four times the text: about four times the time, and sixteen times if each line looked at all that follow.
    assert processor_seconds(1_000_000) < 8 * processor_seconds(250_000)


def test_title_and_labels_may_contain_anything() -> None:
    odd = "a\x00(b)\\\n\u202e\U0001f600<&"
    document = dataclasses.replace(DOCUMENT, title=odd, description=odd, parameters={odd: odd, "": ""})
    for name in ("pdf", "html", "xlsx"):
        assert render(name, pa.record_batch({odd: [odd], "x" * 5_000: [1]}), document=document)


@needs_poppler
def test_line_ends_in_a_text_stay() -> None:
    assert "one\ntwo\nthree" in tool(
        "pdftotext", "-", "-", data=render("pdf", pa.record_batch({"v": ["one\r\ntwo\n\nthree"]}))
    )


@needs_poppler
def test_the_notice_of_a_truncated_result_is_in_every_footer_and_after_the_table() -> None:
    sheets = pages(render("pdf", pa.record_batch({"v": list(range(200))}), truncated="Stopped after 200 rows."))
    assert all("Stopped after 200 rows." in sheet for sheet in sheets)
    assert sheets[-1].count("Stopped after 200 rows.") == 2
    assert "200 rows" in sheets[-1]


@needs_poppler
@pytest.mark.parametrize("columns", [1, 12])
def test_the_notice_about_missing_characters_is_complete_on_every_page(columns: int) -> None:
    rows = {f"column {n}": ["a text", "\U0010fffd" * 1_200, *["a text"] * 90] for n in range(columns)}
    sheets = pages(render("pdf", pa.record_batch(rows)))
    for sheet in sheets:
        shown = " ".join(sheet.split())
        assert f"{1_200 * columns:,} characters are in no font" in shown and "html and xlsx show them." in shown
        assert "…" not in sheet


@needs_poppler
def test_fonts_are_embedded() -> None:
    lines = tool("pdffonts", "-", data=render("pdf", pa.record_batch({"v": ["Ж"]}))).splitlines()[2:]
    assert lines
    assert all("DejaVuSans" in line and re.search(r"TrueType\s+\S+\s+yes yes yes", line) for line in lines)


@needs_poppler
def test_no_rows_and_a_very_long_description_give_a_document() -> None:
    document = dataclasses.replace(DOCUMENT, description="sentence " * 3_000, title="T" * 300)
    sheets = pages(render("pdf", schema=pa.schema({"a": pa.int64()}), document=document))
    assert " ".join(sheets).count("sentence") == 3_000
    assert "0 rows" in sheets[-1]


@needs_poppler
def test_many_columns_keep_all_digits() -> None:
    row = {f"column_{index}": [10_000 + index] for index in range(40)}
    shown = words(render("pdf", pa.record_batch(row))).replace(" ", "")
    assert "".join(str(10_000 + index) for index in range(40)) in shown


def boxes(data: bytes) -> dict[str, tuple[float, float]]:
    """Left and right end of each word."""
    places = tool("pdftotext", "-bbox", "-", "-", data=data)
    found = re.findall(r'xMin="([\d.]+)"[^>]*xMax="([\d.]+)"[^>]*>([^<]*)<', places)
    return {word: (float(left), float(right)) for left, right, word in found}


@needs_poppler
def test_a_heading_is_not_broken_while_a_wider_column_has_room() -> None:
    rows = {f"customerNumber{n}": [n] for n in range(6)} | {"customerName": ["Ada"], "note": ["word " * 80]}
    read = boxes(render("pdf", pa.record_batch(rows)))
    assert set(map(humanized, rows)) <= set(read)


@needs_poppler
def test_a_heading_is_broken_between_words_only() -> None:
    names = [f"average_arrival_delay_of_month_{n}" for n in range(7)] + ["Total of all flights in minutes"]
    text = pages(render("pdf", pa.record_batch({name: [1.5] for name in names})))[0]
    heading = text[text.index("Version") : text.index("1.5")].split()[2:]
    assert set(heading) == {word for name in names for word in humanized(name).split()}


@needs_poppler
def test_thirty_one_columns_have_whole_headings_and_numbers() -> None:
    kinds = {
        "month": 2013,
        "departure_delay": 1234.5,
        "cancelled_flights": -7,
        "distance_km": 1000.125,
        "carrier": "UA",
    }
    row = {f"{name}_{n}": [value] for n, (name, value) in zip(range(31), list(kinds.items()) * 7, strict=False)}
    shown = words(render("pdf", pa.record_batch(row))).split()
    assert {word for name in row for word in humanized(name).split()} <= set(shown)
    assert [shown.count(str(value)) for value in kinds.values()] == [7, 6, 6, 6, 6]


@needs_poppler
def test_a_number_that_is_longer_than_those_of_the_sample_stays_on_one_line() -> None:
    rows = {"n": [*range(500), 12_345_678_901_234], "x": [1.5] * 501} | {
        f"note{n}": ["word " * 30] * 501 for n in range(4)
    }
    assert "12345678901234" in words(render("pdf", pa.record_batch(rows))).split()


@needs_poppler
def test_points_stand_below_each_other() -> None:
    values = [1.5, 2.25, 3.0, 4.0625, 5e300]
    rows = {"v": pa.array(values), "took": pa.array([3_600_500 * n for n in range(1, 6)], pa.duration("ms"))}
    read = boxes(render("pdf", pa.record_batch(rows)))
    assert read["1.5"][0] == read["2.25"][0] == read["3"][0] == read["4.0625"][0]
    assert read["1:00:00.5"][0] == read["2:00:01"][0]
    assert read["4.0625"][1] == pytest.approx(read["V"][1], abs=0.2)


def laid_out(names: list[str], types: list[pa.DataType], sample: list[list[str]]) -> Layout:
    views = column_views(pa.schema(list(zip(names, types, strict=True))), {}, "en")
    return lay_out([view.label for view in views], views, sample)


def test_a_wide_table_is_in_landscape_before_its_type_is_smaller() -> None:
    layout = laid_out([f"column{n:02}" for n in range(12)], [pa.float64()] * 12, [["1234.5"]] * 12)
    assert (layout.page, layout.size) == (LANDSCAPE, 8.0)


def test_too_many_columns_are_refused_at_the_start() -> None:
    schema = pa.schema([(f"c{index}", pa.int8()) for index in range(41)])
    with pytest.raises(FormatCannotHold, match=r"41 columns.*xlsx"):
        render("pdf", schema=schema)


def test_a_narrow_table_is_in_portrait_and_a_wide_one_in_landscape() -> None:
    assert laid_out(["a", "b"], [pa.string(), pa.int64()], [["x"], ["1"]]).page == PORTRAIT
    wide = laid_out(["c"] * 9, [pa.string()] * 9, [["a text of some length"]] * 9)
    assert wide.page == LANDSCAPE


@given(st.lists(st.integers(0, 400), min_size=1, max_size=40), st.booleans())
def test_columns_never_leave_the_page(lengths: list[int], text: bool) -> None:
    types = [pa.string() if text else pa.int64()] * len(lengths)
    layout = laid_out(["name"] * len(lengths), types, [["x" * length] for length in lengths])
    assert layout.columns[0].x >= MARGIN
    assert layout.columns[-1].x + layout.columns[-1].width <= layout.page[0] - MARGIN + 0.01
    assert all(column.width > 0 for column in layout.columns)


@given(printable, st.floats(8, 300))
def test_wrapping_loses_only_spaces_at_breaks(text: str, width: float) -> None:
    lines = wrap(text, regular(), 8, width)
    assert "".join("".join(lines).split(" ")) == "".join(text.split(" "))
    assert all(regular().width(line, 8) <= width + 0.01 or len(line) == 1 for line in lines)


def test_the_fonts_have_latin_cyrillic_and_greek() -> None:
    letters = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA1, 0x180), *range(0x391, 0x3A2), *range(0x400, 0x460)]))
    for face in (regular(), bold()):
        assert set(letters) <= face.characters
    assert MissingGlyphs().replace_in(letters) == letters
