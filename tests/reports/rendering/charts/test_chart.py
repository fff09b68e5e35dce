"""Charts in html, pdf and xlsx: drawn from the rows, harmless, and with a note if they don't show all rows."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from xml.etree.ElementTree import fromstring

import openpyxl
import pyarrow as pa
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from reports.exceptions import DesignMismatch
from reports.rendering.charts import specification
from reports.rendering.charts.chart import FONTS, Chart, ChartLimits, ChartStyle
from tests.reports.rendering.arrow_types import DOCUMENT, render
from tests.reports.rendering.html.test_sort_script import CHROMIUM
from tests.reports.rendering.pdf_reader import needs_poppler, tool

EVIL = "</text></svg><script>document.title = 'run'</script>"
STYLE = ChartStyle("svg", font="Arial, Liberation Sans, sans-serif")
SPEC: dict[str, Any] = {
    "title": "Flights by airline",
    "mark": "bar",
    "encoding": {
        "x": {"field": "carrier", "type": "nominal", "sort": None},
        "y": {"field": "flights", "type": "quantitative"},
        "color": {"field": "airport", "type": "nominal"},
    },
}
ROWS = pa.record_batch(
    {
        "carrier": ["Delta", "Ελλάδα", EVIL],
        "airport": ["JFK", None, "LGA"],
        "flights": [3, 5, 2**60],
        "other": [1, 2, 3],
    }
)
DESIGNED = dataclasses.replace(DOCUMENT, chart=SPEC)


def draw(
    spec: dict[str, Any], rows: pa.RecordBatch, *, truncated: bool = False, limits: ChartLimits | None = None
) -> tuple[str, str]:
    """The drawing and its note."""
    chart = Chart(spec, rows.schema, limits)
    chart.add(rows)
    drawing = chart.draw(STYLE, truncated=truncated)
    return drawing.content.decode(), drawing.note


def chart_text(format: str, file: bytes) -> str:
    """What a file without a drawing says in its place."""
    if format == "pdf":
        if not shutil.which("pdftotext"):
            pytest.skip("pdftotext is not installed")
        return tool("pdftotext", "-layout", "-", "-", data=file)
    if format == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(file))["Chart"]
        assert not sheet._images
        return str(sheet["A1"].value)
    return file.decode()


@pytest.mark.parametrize("format", ["csv", "json", "ndjson", "parquet"])
def test_formats_for_programs_have_no_chart(format):
    assert render(format, ROWS, document=DESIGNED) == render(format, ROWS)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_html_shows_the_chart_above_the_table_and_nothing_in_it_runs_or_loads(tmp_path):
    page_file = tmp_path / "report.html"
    page_file.write_bytes(render("html", ROWS.slice(0, 1), ROWS.slice(1), document=DESIGNED))
    events: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(color_scheme="dark")
        page.on("request", lambda request: events.append(request.url))
        page.on("console", lambda message: events.append(message.text))
        page.goto(f"file://{page_file}")
        figure = page.locator("figure.chart")
        assert page.title() == "Invoices & <co>"
        assert page.get_by_role("img", name="Flights by airline").is_visible()
        texts = figure.locator("svg text").all_text_contents()
        assert {"Flights by airline", "Delta", "Ελλάδα", "carrier", "flights", "airport"} <= set(texts)
        assert any(text.startswith("</text></svg><script>") for text in texts)
        assert figure.bounding_box()["y"] < page.locator("table.rows").bounding_box()["y"]
        assert figure.locator("figcaption").count() == 0
        title = page.locator("figure.chart svg text", has_text="Flights by airline")
        assert title.evaluate("text => getComputedStyle(text).fill") == "rgb(228, 232, 240)"
        browser.close()
    assert events == [f"file://{page_file}"]


@needs_poppler
def test_pdf_has_the_chart_as_shapes_and_text_on_its_first_page():
    rows = pa.record_batch({"carrier": [f"c{n % 7}" for n in range(300)], "airport": ["JFK"] * 300,
                            "flights": list(range(300))})  # fmt: skip
    file = render("pdf", rows, document=DESIGNED)
    sheets = tool("pdftotext", "-layout", "-", "-", data=file).split("\f")
    assert "Flights by airline" in sheets[0]
    assert sheets[0].index("Flights by airline") < sheets[0].index("carrier")
    assert "Flights by airline" not in sheets[1]
    assert "Image" not in tool("pdfimages", "-list", "-", data=file)


@needs_poppler
def test_pdf_shows_characters_without_a_font_by_their_codes_in_the_chart_too():
    rows = pa.record_batch({"carrier": ["\U0001f9ff\u3400Ж"], "airport": ["\U00013000"], "flights": [1]})
    text = tool("pdftotext", "-layout", "-", "-", data=render("pdf", rows, document=DESIGNED))
    assert "Ж" in text
    assert text.count("U+13000") >= 2


def test_xlsx_has_the_chart_as_a_picture_on_its_own_sheet():
    file = render("xlsx", ROWS, document=DESIGNED)
    book = openpyxl.load_workbook(io.BytesIO(file))
    assert book.sheetnames == ["Data", "Chart", "About this report"]
    (picture,) = book["Chart"]._images
    assert picture.format == "png"
    image = Image.open(io.BytesIO(picture._data())).convert("RGB")
    assert image.size == (1440, 560)
    assert len(image.getcolors(1_000_000) or []) > 20
    assert b'descr="Flights by airline"' in zipfile.ZipFile(io.BytesIO(file)).read("xl/drawings/drawing1.xml")


@pytest.mark.parametrize("format", ["html", "xlsx", "pdf"])
def test_a_chart_of_no_rows_is_a_sentence_instead_of_empty_axes(format):
    file = render(format, schema=ROWS.schema, document=DESIGNED)
    assert "There is no chart, because the result has no rows." in chart_text(format, file)
    assert b"<svg" not in file
    if format == "pdf":
        # The table follows without a gap.
        assert file.count(b"/Subtype /Form") == 2


def test_days_are_not_shifted_into_the_time_zone_of_the_server(monkeypatch):
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    rows = pa.record_batch({"day": pa.array([0, 1], pa.date32()), "n": [1.5, 2.0]})
    spec = {"mark": "bar", "encoding": {"x": {"field": "day", "timeUnit": "yearmonthdate", "type": "ordinal"},
                                        "y": {"field": "n", "type": "quantitative"}}}  # fmt: skip
    svg, _ = draw(spec, rows)
    texts = {element.text for element in fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}  # noqa: S314
    assert {"Jan 01, 1970", "Jan 02, 1970"} <= texts


def test_dates_that_javascript_would_change_are_left_out():
    days = pa.array([0, -735_160, 6_000_000, 2**31 - 1, 1 - 2**31], pa.int32()).cast(pa.date32())
    rows = pa.record_batch({"day": days, "n": [1, 2, 3, 4, 5]})
    spec = {"mark": "bar", "transform": [{"filter": "isValid(datum.day)"}],
            "encoding": {"x": {"field": "day", "timeUnit": "year", "type": "ordinal"},
                         "y": {"field": "n", "type": "quantitative", "axis": None}}}  # fmt: skip
    svg, _ = draw(spec, rows)
    texts = [element.text for element in fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    assert texts == ["1970", "day (year)"]


@pytest.mark.parametrize("limits", [ChartLimits(max_rows=2), ChartLimits(max_row_bytes=110)])
def test_a_chart_that_shows_only_the_first_rows_has_a_note(limits):
    rows = pa.Table.from_batches([ROWS.slice(0, 2), ROWS.slice(2)]).to_batches()
    chart = Chart(SPEC, ROWS.schema, limits)
    for batch in rows:
        chart.add(batch)
    drawing = chart.draw(STYLE, truncated=False)
    assert "Ελλάδα</text>" in drawing.content.decode()
    assert EVIL[:10] not in drawing.content.decode()
    assert drawing.note == "The chart shows only the first 2 rows. To show all rows, aggregate them in the query."


def test_a_chart_of_a_truncated_result_has_a_note():
    note = "The chart shows only these 3 rows. The result has more."
    assert draw(SPEC, ROWS, truncated=True)[1] == note
    page = render("html", ROWS, document=DESIGNED, truncated="Stopped early.").decode()
    assert f"<figcaption>{note}</figcaption>" in page


@pytest.mark.parametrize("format", ["html", "xlsx", "pdf"])
def test_a_file_says_that_its_chart_is_missing(format):
    wide = dataclasses.replace(DOCUMENT, chart=SPEC | {"width": {"step": 4_000}})
    file = render(format, ROWS, document=wide)
    assert "The chart is missing: it would be 12," in chart_text(format, file)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ChartLimits(max_drawing_bytes=100), "it has too many marks. Return fewer rows from the query"),
        (ChartLimits(seconds=0.1), "drawing it took more than 0.1 seconds"),
        (ChartLimits(memory_bytes=64 << 20), "drawing it took more memory or time than a chart can use"),
    ],
)
def test_a_chart_beyond_a_limit_is_missing_with_the_reason(limits, reason):
    svg, note = draw(SPEC, ROWS, limits=limits)
    assert svg == ""
    assert note.startswith(f"The chart is missing: {reason}")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"mark": "bar", "encoding": {"x": {"field": "carrier", "type": "quantitativ"}}}, "Invalid field type"),
        ({"mark": "bar", "transform": [{"calculate": "nix(1)", "as": "q"}], "encoding": {"x": {"field": "q"}}}, "nix"),
    ],
)
def test_a_refusal_of_vega_lite_fails_with_its_reason_and_without_values(spec, reason):
    with pytest.raises(DesignMismatch) as caught:
        draw(spec, pa.record_batch({"carrier": ["a secret value"]}))
    assert caught.value.message.startswith("chart: Vega-Lite refused it: ")
    assert reason in caught.value.message
    assert "secret" not in caught.value.message
    assert "jsdelivr" not in caught.value.message


@pytest.fixture
def web_server() -> Iterator[tuple[str, list[str]]]:
    """The address of a web server, and the paths that were requested from it."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requested
    server.shutdown()
    server.server_close()


def test_the_drawing_process_loads_nothing_even_if_the_specification_does(web_server, monkeypatch, tmp_path):
    address, requested = web_server
    (tmp_path / "rows.csv").write_text("carrier\nfrom the disk\n")
    monkeypatch.setattr(specification, "errors", lambda spec: {})
    data = {"url": f"{address}/rows.json"}
    with pytest.raises(DesignMismatch, match="not allowed"):
        draw({"layer": [SPEC | {"data": data}]}, ROWS)
    image = {"mark": {"type": "image", "url": f"{address}/x.png"}, "encoding": {}}
    assert "x.png" not in draw(image, ROWS)[0]
    local = {"url": f"file://{tmp_path}/rows.csv", "format": {"type": "csv"}}
    assert "from the disk" not in draw({"layer": [SPEC | {"data": local}]}, ROWS)[0]
    assert requested == []


def test_a_chart_is_drawn_under_the_limits_of_a_job():
    limited = f"import resource as r; r.setrlimit(r.RLIMIT_AS, (2**31, r.getrlimit(r.RLIMIT_AS)[1])); {_DRAW}"
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "drawn", done.stderr


def test_the_drawing_process_can_reach_no_file_and_no_network(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    code = (
        "import socket, sys, vl_convert; from reports.documents import chart_process\n"
        "chart_process.main('svg', sys.argv[1], 2**31)\n"
        f"for reach in (socket.socket, lambda: open({str(tmp_path / 'secret.txt')!r})):\n"
        "    try: reach(); print('reached')\n"
        "    except OSError as error: print(error.errno)\n"
    )
    command = [sys.executable, "-c", code, str(FONTS)]
    done = subprocess.run(command, input='{"mark": "bar", "data": {"values": [1]}}', capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert "reached" not in done.stdout
    assert done.stdout.count("13") >= 2, done.stderr


#: Draws a chart.
_DRAW = """
import pyarrow as pa
from reports.rendering.charts.chart import Chart, ChartStyle
rows = pa.record_batch({'n': [1, 2]})
chart = Chart({'mark': 'bar', 'encoding': {'x': {'field': 'n'}}}, rows.schema)
chart.add(rows)
drawing = chart.draw(ChartStyle('svg', font='Arial'), truncated=False)
print('drawn' if drawing.content else drawing.note)
""".strip().replace("\n", "; ")
