"""The html format: one self-contained page that loads nothing, and in which nothing runs but its own sort script."""

from __future__ import annotations

from html import escape
from typing import BinaryIO, ClassVar

import pyarrow as pa

from reports.rendering.base import Document, Renderer, Section, SectionsWriter, Writer
from reports.rendering.html import figure
from reports.rendering.html.page import HIGHLIGHTS, SECTIONS, STYLE, column_rules, head
from reports.rendering.html.sort_script import SCRIPT, SECTIONS_SCRIPT
from reports.rendering.html.table import Table


class HtmlWriter(Writer):
    """A page with one table."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, document: Document) -> None:
        self._out = out
        self._table = Table(out, schema, document)
        highlights = any(view.options.highlight for view in self._table.visible)
        style = STYLE + column_rules(self._table.visible) + (HIGHLIGHTS if highlights else "")
        style += figure.STYLE if document.chart else ""
        totals = self._table.totals.description() if self._table.totals else ""
        start = _start(document, SCRIPT, style, totals)
        out.write((start + self._table.opening(document.title)).encode())

    def write(self, batch: pa.RecordBatch) -> None:
        self._table.write(batch)

    def close(self, *, rows: int, truncated: str | None) -> None:
        table = self._table.ending(truncated=bool(truncated))
        self._out.write((table + _end(rows, truncated, SCRIPT)).encode())


class HtmlSectionsWriter(SectionsWriter):
    """A page with a list of contents, and a table for each section."""

    def __init__(self, out: BinaryIO, document: Document) -> None:
        self._out = out
        self._document = document
        options = [column for section in document.sections for column in section.columns.values()]
        style = STYLE + (HIGHLIGHTS if any(each.highlight for each in options) else "")
        style += figure.STYLE if any(section.chart for section in document.sections) else ""
        entries = "".join(
            f'<li><a href="#{_id(section)}">{escape(section.title)}</a></li>\n' for section in document.sections
        )
        contents = f'<nav class="contents" aria-labelledby="contents"><h2 id="contents">Contents</h2>\n<ol>\n{entries}'
        start = _start(document, SECTIONS_SCRIPT, style + SECTIONS)
        out.write(f"{start}{contents}</ol>\n</nav>\n".encode())

    def begin(self, section: Section, schema: pa.Schema) -> Writer:
        return _SectionWriter(self._out, schema, section, self._document.of_section(section))

    def close(self, *, rows: int, truncated: str | None) -> None:
        self._out.write(_end(rows, truncated, SECTIONS_SCRIPT, " in all").encode())


class _SectionWriter(Writer):
    def __init__(self, out: BinaryIO, schema: pa.Schema, section: Section, document: Document) -> None:
        self._out = out
        self._table = Table(out, schema, document)
        title, id = escape(section.title), _id(section)
        # Not in the head: the columns of a section are known when it is read.
        rules = column_rules(self._table.visible, f"#{id} .rows")
        totals = self._table.totals.description() if self._table.totals else ""
        description = f'<p class="description">Totals: {escape(totals)}</p>\n' if totals else ""
        out.write(
            f'<section id="{id}" aria-labelledby="{id}-title">\n{f"<style>{rules}</style>" if rules else ""}'
            f'<header>\n<h2 id="{id}-title">{title}</h2>\n{description}</header>\n'
            f"{self._table.opening(section.title)}".encode()
        )

    def write(self, batch: pa.RecordBatch) -> None:
        self._table.write(batch)

    def close(self, *, rows: int, truncated: str | None) -> None:
        table = self._table.ending(truncated=bool(truncated))
        self._out.write(f"{table}<footer>\n{_count(rows)}</footer>\n</section>\n".encode())


def _id(section: Section) -> str:
    # Not the bare name: it may be that of another element.
    return f"section-{section.name}"


def _start(document: Document, script: str, style: str, totals: str = "") -> str:
    """The page up to its first table. `totals` describes those of the only one."""
    title = escape(document.title)
    description = f'<p class="description">{escape(document.description)}</p>\n' if document.description else ""
    details = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>\n'
        for label, text in document.details(totals)
    )
    return (
        f"{head(script)}<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{title}</h1>\n{description}<table class="about">\n{details}</table>\n</header>\n'
    )


def _end(rows: int, truncated: str | None, script: str, of_what: str = "") -> str:
    notice = f'<p class="truncated" role="alert">{escape(truncated)}</p>\n' if truncated else ""
    return f"<footer>\n{notice}{_count(rows, of_what)}</footer>\n</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _count(rows: int, of_what: str = "") -> str:
    return f"<p>{rows:,} {'row' if rows == 1 else 'rows'}{of_what}</p>\n"


class HtmlRenderer(Renderer):
    format: ClassVar[str] = "html"
    media_type: ClassVar[str] = "text/html; charset=utf-8"
    extension: ClassVar[str] = "html"
    has_sections: ClassVar[bool] = True
    #: Browsers lay out a table as a whole. With more rows they become unusable.
    max_rows: ClassVar[int | None] = 200_000

    def open(self, out: BinaryIO, schema: pa.Schema, document: Document) -> Writer:
        return HtmlWriter(out, schema, document)

    def open_sections(self, out: BinaryIO, document: Document) -> SectionsWriter:
        return HtmlSectionsWriter(out, document)
