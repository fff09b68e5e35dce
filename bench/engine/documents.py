"""`python -m bench.engine.documents`: compare engines for designed documents: an invoice, and one of 5,000 rows.

Engines that aren't installed are left out: `pip install weasyprint jinja2`. WeasyPrint also needs the system's Pango.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from bench.harness import machine
from bench.harness.formatting import number
from bench.harness.markdown import table
from bench.harness.resource_usage import run_in_child
from reports.documents.template_renderer import TemplateRenderer
from reports.rendering.base import Document, Template

_TYPST = """#import "report.typ": *
#set page(margin: 2cm, numbering: "1 / 1")
= #report.name
#rows-table(stroke: 0.5pt + gray)
#strong[Total #number(totals.amount)]
"""
_STYLE = (
    "@page{size:A4;margin:2cm}table{width:100%;border-collapse:collapse}td{border:.5pt solid gray;padding:3pt}"
    "thead{display:table-header-group}"
)
_JINJA = (
    "<style>" + _STYLE + "</style><h1>{{ name }}</h1><table><thead><tr>{% for name in names %}<th>{{ name }}</th>"
    "{% endfor %}</tr></thead>{% for row in rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>"
    "{% endfor %}</table><b>Total {{ total }}</b>"
)
#: Writes these rows into a PDF.
Engine = Callable[[pa.RecordBatch, Path], object]


def main() -> None:
    print(machine.describe(), "\n")
    rows = [_measure(name, engine) for name, engine in _engines()]
    head = ["engine", "invoice, 20 rows", "5,000 rows", "peak, invoice", "peak, 5,000 rows", "size, 5,000 rows"]
    print(table(head, rows))


def _engines() -> Iterator[tuple[str, Engine]]:
    yield "Typst, in its own process", _typst
    if importlib.util.find_spec("jinja2"):
        if importlib.util.find_spec("weasyprint"):
            yield "Jinja2 and WeasyPrint", _weasyprint
        if shutil.which("chromium"):
            yield "Jinja2 and Chromium", _chromium


def _measure(name: str, engine: Engine) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "document.pdf")
        small = run_in_child(lambda: engine(_batch(20), path))
        large = run_in_child(lambda: engine(_batch(5_000), path))
        size = path.stat().st_size / 1e6
    seconds = [f"{number(usage.seconds)} s" for usage in (small, large)]
    peaks = [f"{number(usage.peak_mb)} MB" for usage in (small, large)]
    return [name, *seconds, *peaks, f"{number(size)} MB"]


def _batch(rows: int) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "number": list(range(rows)),
            "item": [f"Spare part {number} of a machine" for number in range(rows)],
            "ordered": [f"2013-{number % 12 + 1:02}-{number % 28 + 1:02}" for number in range(rows)],
            "amount": [number * 1.25 for number in range(rows)],
        }
    )


def _typst(batch: pa.RecordBatch, path: Path) -> None:
    document = Document(title="Invoice", generated_at=datetime.now(UTC), template=Template(text=_TYPST))
    with path.open("wb") as file:
        writer = TemplateRenderer().open(file, batch.schema, document)
        writer.write(batch)
        writer.close(rows=batch.num_rows, truncated=None)


def _html(batch: pa.RecordBatch) -> str:
    from jinja2.sandbox import SandboxedEnvironment

    template = SandboxedEnvironment(autoescape=True).from_string(_JINJA)
    columns = batch.to_pydict()
    rows = list(zip(*columns.values(), strict=True))
    return template.render(name="Invoice", names=columns, rows=rows, total=sum(columns["amount"]))


def _weasyprint(batch: pa.RecordBatch, path: Path) -> None:
    import weasyprint

    weasyprint.HTML(string=_html(batch)).write_pdf(path)


def _chromium(batch: pa.RecordBatch, path: Path) -> None:
    page = path.with_suffix(".html")
    page.write_text(_html(batch))
    command = ["chromium", "--headless", "--no-sandbox", "--no-pdf-header-footer", f"--print-to-pdf={path}", str(page)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


if __name__ == "__main__":
    main()
