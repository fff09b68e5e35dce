"""The html format, read back with html.parser."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.rendering.arrow_types import render


class Page(HTMLParser):
    """A page's tables as lists of rows of cells, and all of its tags, attributes, texts and scripts."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        #: Row and column of each NULL.
        self.nulls: list[tuple[int, int]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "i":
            self.nulls.append((len(self.tables[-1]) - 1, len(self.tables[-1][-1]) - 1))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "Tags are properly nested."

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        else:
            self.texts.append(data)


def test_the_table_reads_back_with_its_headings() -> None:
    page = Page(render("html", pa.record_batch({"id <1>": [1, 2], "name": ["<b>&amp;", "O'Brien"]})))
    assert page.tables[-1] == [["id <1>", "Name"], ["1", "<b>&amp;"], ["2", "O'Brien"]]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32), max_size=10), min_size=1))
def test_any_text_survives_and_opens_no_tag(values: list[str]) -> None:
    page = Page(render("html", pa.record_batch({"v": pa.array(values, pa.string())})))
    assert [row[0] for row in page.tables[-1][1:]] == values
    assert set(page.tags) == set(Page(render("html", pa.record_batch({"v": ["x"]}))).tags)


def test_control_characters_are_replaced_by_their_pictures() -> None:
    page = Page(render("html", pa.record_batch({"v": ["a\x00b\x1b"]})))
    assert page.tables[-1][1] == ["a\u2400b\u241b"]


def test_nothing_loads_and_nothing_runs_but_the_sort_script() -> None:
    data = render("html", pa.record_batch({"v": ["<script>alert(1)</script>", '<img src=x onerror="x">']}))
    page = Page(data)
    assert page.tags.count("script") == 1
    assert not {"img", "link", "iframe", "object", "a", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    hashed = b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hashed}'"
    assert ("content", policy) in page.attributes
    assert b"url(" not in data and b"@import" not in data


def test_null_is_marked_and_an_empty_text_is_not() -> None:
    page = Page(render("html", pa.record_batch({"a": [None, ""], "b": [1, None]})))
    assert page.tables[-1][1:] == [["", "1"], ["", ""]]
    assert page.nulls == [(1, 0), (2, 1)]


def test_title_parameters_and_time_are_at_the_top() -> None:
    page = Page(render("html", pa.record_batch({"v": [1]})))
    assert page.texts.count("Invoices & <co>") == 2
    assert page.tables[0] == [
        ["From", "2026-01-01"],
        ["Country", "Ελλάδα"],
        ["Generated", "2026-03-01 09:30:00 UTC"],
        ["Version", "3"],
    ]


@pytest.mark.parametrize(("rows", "sentence"), [(0, "0 rows"), (1, "1 row"), (2_000, "2,000 rows")])
def test_the_count_and_the_notice_are_at_the_end(rows: int, sentence: str) -> None:
    page = Page(render("html", pa.record_batch({"v": list(range(rows))}), truncated="Stopped <early>."))
    ending = [text for text in page.texts if text.strip()][-2:]
    assert ending == ["Stopped <early>.", sentence]


def test_numbers_are_aligned_to_the_right() -> None:
    style = render("html", pa.record_batch({"a": ["x"], "b": [1], "c": [1.5]})).decode()
    assert re.search(r"nth-child\(2\),\.rows tr>:nth-child\(3\) \{ text-align: right", style)


def test_a_timestamp_has_a_space_instead_of_the_t() -> None:
    page = Page(render("html", pa.record_batch({"v": pa.array([0, 1], pa.timestamp("s", "UTC"))})))
    assert page.tables[-1][1:] == [["1970-01-01"], ["1970-01-01 00:00:01Z"]]
