"""A report's chart: its rows are collected while the file is written, and it is drawn at the end.

It is drawn by Vega-Lite in a process of its own (reports.documents.chart_process). Limits are told in the file, beside
the chart or in its place; a specification that Vega-Lite refuses fails the job.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from reports.exceptions import DesignMismatch
from reports.rendering.charts import specification, svg_sanitizer
from reports.rendering.charts.theme import themed
from reports.rendering.column_json import json_keys, json_objects
from reports.rendering.text_arrays import slices, value_bytes

#: Rows that a chart shows, and what they may weigh as JSON: V8 takes some ten times as much.
MAX_ROWS = 50_000
MAX_BYTES = 32 << 20
#: What a drawing may weigh: it is a part of a page, and browsers become slow.
MAX_DRAWING = 5_000_000
_MEGABYTES = 2_048
#: On the clock; of processor time it has less, and a job on a busy machine waits for that.
_SECONDS = 120.0
_SECONDS_OF_A_LOOK = 15.0
_FONTS = Path(__file__).parents[1] / "fonts"
_ROOT = Path(__file__).parents[3]
_REMEDY = "Have the query return fewer rows, or let the chart aggregate them."


@dataclass(frozen=True)
class ChartStyle:
    """What a format needs of a chart."""

    kind: Literal["svg", "png", "pdf"]
    font: str
    background: str = "transparent"


@dataclass(frozen=True)
class Drawing:
    """A chart: SVG, a picture of twice its size in PNG, or a page of PDF. Width and height are in pixels.

    `content` is empty where it could not be drawn; `note` is what people have to know, or empty.
    """

    label: str
    note: str
    content: bytes = b""
    width: float = 0.0
    height: float = 0.0


class _NotDrawn(Exception):
    """Why there is no chart, in the words of the file that should have it."""


class Chart:
    """Collects the rows. Raises DesignMismatch where the specification names what is no column."""

    def __init__(self, spec: Mapping[str, Any], schema: pa.Schema) -> None:
        for path, sentences in specification.errors(spec).items():
            raise DesignMismatch(f"{'.'.join(filter(None, ('chart', path)))}: {sentences[0]}")
        specification.check_columns(spec, schema)
        self.spec = spec
        self._columns = specification.columns_used(spec, schema)
        self._rows: list[bytes] = []
        self._taken = self._bytes = 0
        self._is_full = False

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the rows that the chart will show."""
        if self._is_full:
            return
        fitting = batch.slice(0, MAX_ROWS - self._taken)
        for piece in slices(fitting.select(self._columns)):
            texts = bytes(value_bytes(json_objects(json_keys(piece.schema), piece, before="", after="\n")))
            if self._bytes + len(texts) > MAX_BYTES:
                self._is_full = True
                return
            self._rows.append(texts)
            self._bytes += len(texts)
            self._taken += piece.num_rows
        self._is_full = fitting.num_rows < batch.num_rows

    def check(self) -> None:
        """Raises DesignMismatch if Vega-Lite refuses the specification; some faults show only with rows."""
        with suppress(_NotDrawn):
            _run("svg", self._request(ChartStyle("svg", font="sans-serif")), _SECONDS_OF_A_LOOK)

    def draw(self, look: ChartStyle, *, truncated: bool, displayable: Callable[[str], str] = str) -> Drawing:
        """The chart of the rows so far. `displayable` gets its texts. Raises DesignMismatch if Vega-Lite refuses it."""
        label = _label(self.spec)
        try:
            drawn = _run("svg", self._request(look))
            if len(drawn) > MAX_DRAWING:
                raise _NotDrawn("it has too many marks. " + _REMEDY)
            svg, width, height = svg_sanitizer.sanitized(drawn.decode(), displayable)
            if max(width, height) > specification.MAX_PIXELS:
                raise _NotDrawn(f"it would be {width:,.0f} by {height:,.0f} pixels. Give it a width and a height.")
            content = svg.encode() if look.kind == "svg" else _run(look.kind, svg.encode())
        except _NotDrawn as reason:
            return Drawing(label, f"The chart is missing: {reason}")
        return Drawing(label, self._note(truncated), content, width, height)

    def _request(self, look: ChartStyle) -> bytes:
        spec = json.dumps(themed(self.spec, font=look.font, background=look.background), ensure_ascii=False)
        rows = b"".join(self._rows).rstrip(b"\n").replace(b"\n", b",")
        return spec.removesuffix("}").encode() + b', "data": {"values": [' + rows + b"]}}"

    def _note(self, truncated: bool) -> str:
        if self._is_full:
            return f"The chart shows the first {self._taken:,} rows only. Have the query aggregate what it should show."
        return f"The chart shows these {self._taken:,} rows only; the result has more." if truncated else ""


def _run(wanted: str, given: bytes, seconds: float | None = None) -> bytes:
    """What the process that draws answers. Raises _NotDrawn, also where it died for want of memory."""
    process = [sys.executable, "-P", "-s", "-m", "reports.documents.chart_process"]
    command = [*process, wanted, str(_FONTS), str(_MEGABYTES), str(os.getpid())]
    # Times without a zone are drawn as they are: JavaScript would shift them into the zone of the machine.
    environment = {"TZ": "UTC", "PYTHONPATH": str(_ROOT)}
    try:
        done = subprocess.run(  # noqa: S603 -- this very interpreter and a script of this project
            command, input=given, capture_output=True, timeout=seconds or _SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise _NotDrawn(f"drawing it took more than {_SECONDS:g} seconds. {_REMEDY}") from None
    if refused := re.search(rb"^refused: (.*)", done.stderr, re.DOTALL | re.MULTILINE):
        raise DesignMismatch(f"chart: Vega-Lite refused it: {_reason(refused.group(1).decode())}")
    if done.returncode:
        raise _NotDrawn(f"drawing it took more memory or time than a chart may use. {_REMEDY}")
    return done.stdout


def _reason(error: str) -> str:
    """Its own sentence, without the places in its code that follow, and without the rows."""
    sentences = [line for line in error.splitlines() if not re.match(r"\s+at |.*conversion failed", line)]
    text = re.sub(r"\{.*\}", "{…}", " ".join(sentences)).removeprefix("Error: ")
    return text[:500] or "no reason was given"


def _label(spec: Mapping[str, Any]) -> str:
    """What the chart is, for people who do not see it."""
    title = spec.get("title", "")
    text = title.get("text", "") if isinstance(title, Mapping) else title
    return str(spec.get("description") or (" ".join(map(str, text)) if isinstance(text, list) else text) or "Chart")
