"""The text of a mail, and the same as HTML, which mail programs show instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.translation import gettext, ngettext

from reports.kept_rows.mail_preview import MailPreview


@dataclass(frozen=True)
class MailBody:
    """The parts of a mail. `body` is the schedule's or a summary; `where` says where the files are.

    `unsubscribe_url`: "" for mails of others than schedules.
    """

    body: str
    where: str
    link: str
    unsubscribe_url: str
    preview: MailPreview | None = None

    def as_text(self) -> str:
        table = "\n".join(_lines(self.preview)) + "\n\n" if self.preview else ""
        details = gettext("Details: %(link)s") % {"link": self.link}
        unsubscribe = gettext("Unsubscribe: %(url)s") % {"url": self.unsubscribe_url} + "\n"
        return f"{self.body}\n\n{table}{self.where}\n{details}\n{unsubscribe if self.unsubscribe_url else ''}"

    def as_html(self) -> str:
        """Return a page whose styles are all inline: mail programs drop style sheets, and load nothing."""
        preview, rows = self.preview, list[list[Cell]]()
        if preview:
            rows = [_cells(row, preview) for row in [preview.labels, *preview.rows, *filter(None, [preview.total])]]
        context = {
            "mail": self,
            "heading": rows[0] if rows else [],
            "rows": rows[1 : len(preview.rows) + 1] if preview else [],
            "total": rows[-1] if preview and preview.total else [],
            "left_out": _left_out(preview) if preview else "",
        }
        return render_to_string("jobs/mail.html", context)


@dataclass(frozen=True)
class Cell:
    text: str
    alignment: str


def _cells(texts: list[str], preview: MailPreview) -> list[Cell]:
    aligned = zip(texts, preview.aligned_right, strict=True)
    return [Cell(text, "right" if is_right else "left") for text, is_right in aligned]


def _lines(preview: MailPreview) -> Iterator[str]:
    """Yield the lines of a table of text."""
    rows = [preview.labels, *preview.rows, *filter(None, [preview.total])]
    # A value can have line ends.
    shown = [[" ".join(text.split()) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for at, row in enumerate(shown):
        cells = zip(row, widths, preview.aligned_right, strict=True)
        yield "  ".join(
            text.rjust(width) if is_right else text.ljust(width) for text, width, is_right in cells
        ).rstrip()
        if at == 0 or (preview.total and at == len(shown) - 2):
            yield "  ".join("-" * width for width in widths)
    if left_out := _left_out(preview):
        yield left_out


def _left_out(preview: MailPreview) -> str:
    """Return what the preview leaves out, as a sentence; "" if it is complete."""
    parts = []
    if count := preview.more_rows:
        parts.append(ngettext("%(count)s more row", "%(count)s more rows", count) % {"count": f"{count:,}"})
    if count := preview.more_columns:
        parts.append(ngettext("%(count)s more column", "%(count)s more columns", count) % {"count": f"{count:,}"})
    return ", ".join(parts)
