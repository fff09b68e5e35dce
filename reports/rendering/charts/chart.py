"""A report's chart: its rows are collected while the file is written, and it is drawn at the end.

Vega-Lite draws it in a separate process (reports.documents.chart_process). If a limit is reached, the file says so
next to the chart or in its place. A specification that Vega-Lite refuses fails the job.
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
import pyarrow.compute as pc

from reports.exceptions import DesignMismatch
from reports.rendering.charts import specification, svg_sanitizer
from reports.rendering.charts.theme import themed
from reports.rendering.column_json import json_keys, json_objects
from reports.rendering.column_kinds import ColumnKind, kind_of
from reports.rendering.scalar_text import scalar_text
from reports.rendering.text_arrays import slices, value_bytes

FONTS = Path(__file__).parents[1] / "fonts"
_ROOT = Path(__file__).parents[3]
_REMEDY = "Return fewer rows from the query, or aggregate them in the chart."

Output = Literal["svg", "png", "pdf"]


@dataclass(frozen=True, kw_only=True)
class ChartLimits:
    #: Rows that a chart shows, and their size as JSON. V8 takes about ten times that size in memory.
    max_rows: int = 50_000
    max_row_bytes: int = 32 << 20
    #: Size of the drawing. It is part of a page, and larger ones make browsers slow.
    max_drawing_bytes: int = 5_000_000
    #: Memory of the drawing process.
    memory_bytes: int = 2 << 30
    #: On the clock. The process has less processor time, but on a busy machine it has to wait for that.
    seconds: float = 120.0


@dataclass(frozen=True)
class ChartStyle:
    """How a format needs its chart."""

    output: Output
    font: str
    background: str = "transparent"


@dataclass(frozen=True)
class Drawing:
    """A drawn chart: SVG, a PNG picture at twice its size, or a page of PDF. Width and height are in pixels.

    `content` is empty if the chart couldn't be drawn. `note` is a sentence for readers about the chart, or empty.
    """

    label: str
    note: str
    content: bytes = b""
    width: float = 0.0
    height: float = 0.0


class _CannotDraw(Exception):
    """Why the file has no chart, as the end of a sentence."""


class Chart:
    """Collects the chart's rows, and draws it. Raises DesignMismatch if the specification doesn't fit the columns."""

    def __init__(self, spec: Mapping[str, Any], schema: pa.Schema, limits: ChartLimits | None = None) -> None:
        for path, sentences in specification.errors(spec).items():
            raise DesignMismatch(f"{f'chart.{path}' if path else 'chart'}: {sentences[0]}")
        specification.check_columns(spec, schema)
        self.spec = spec
        self._limits = limits or ChartLimits()
        self._columns = specification.columns_used(spec, schema)
        self._json: list[bytes] = []
        self._rows = self._bytes = 0
        self._is_full = False

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep those rows that the chart will show."""
        if self._is_full:
            return
        fitting = batch.slice(0, self._limits.max_rows - self._rows)
        for part in slices(fitting.select(self._columns)):
            rows = pa.record_batch(list(map(_for_javascript, part.columns)), part.schema.names)
            lines = bytes(value_bytes(json_objects(json_keys(rows.schema), rows, before="", after="\n")))
            if self._bytes + len(lines) > self._limits.max_row_bytes:
                self._is_full = True
                return
            self._json.append(lines)
            self._bytes += len(lines)
            self._rows += rows.num_rows
        self._is_full = fitting.num_rows < batch.num_rows

    @property
    def is_empty(self) -> bool:
        """Whether there have been no rows so far. Axes without marks would look like a fault."""
        return not self._rows and not self._is_full

    def check(self, seconds: float = 15.0) -> None:
        """Raise DesignMismatch if Vega-Lite refuses the specification. Some errors only show with rows."""
        # A limit that is reached is no error of the specification.
        with suppress(_CannotDraw):
            self._run("svg", self._vega_lite(ChartStyle("svg", font="sans-serif")), seconds)

    def draw(self, style: ChartStyle, *, truncated: bool, displayable: Callable[[str], str] = str) -> Drawing:
        """Draw the chart of the rows so far. Raises DesignMismatch if Vega-Lite refuses it.

        `displayable` maps each text of the chart to what the format can show of it.
        """
        label = _label(self.spec)
        if self.is_empty:
            return Drawing(label, "There is no chart, because the result has no rows.")
        try:
            drawn = self._run("svg", self._vega_lite(style), self._limits.seconds)
            if len(drawn) > self._limits.max_drawing_bytes:
                raise _CannotDraw(f"it has too many marks. {_REMEDY}")
            svg, width, height = svg_sanitizer.sanitized(drawn.decode(), displayable)
            if max(width, height) > specification.MAX_PIXELS:
                raise _CannotDraw(f"it would be {width:,.0f} by {height:,.0f} pixels. Give it a width and a height.")
            content = svg.encode()
            if style.output != "svg":
                # From the sanitized drawing: whatever turns it into a picture, it finds nothing to load.
                content = self._run(style.output, content, self._limits.seconds)
        except _CannotDraw as reason:
            return Drawing(label, f"The chart is missing: {reason}")
        note = ""
        if self._is_full:
            note = f"The chart shows only the first {self._rows:,} rows. To show all rows, aggregate them in the query."
        elif truncated:
            note = f"The chart shows only these {self._rows:,} rows. The result has more."
        return Drawing(label, note, content, width, height)

    def _vega_lite(self, style: ChartStyle) -> bytes:
        """The specification with its theme and its rows."""
        spec = json.dumps(themed(self.spec, font=style.font, background=style.background), ensure_ascii=False)
        # The rows already are JSON. Reading and writing them again would take most of the time.
        rows = b"".join(self._json).rstrip(b"\n").replace(b"\n", b",")
        return spec.removesuffix("}").encode() + b', "data": {"values": [' + rows + b"]}}"

    def _run(self, output: Output, data: bytes, seconds: float) -> bytes:
        """Run the drawing process, and return its output. Raises _CannotDraw and DesignMismatch."""
        arguments = [output, str(FONTS), str(self._limits.memory_bytes), str(os.getpid())]
        command = [sys.executable, "-P", "-s", "-m", "reports.documents.chart_process", *arguments]
        # Times without a zone are drawn as they are. In another zone, JavaScript would shift them.
        environment = {"TZ": "UTC", "PYTHONPATH": str(_ROOT)}
        try:
            process = subprocess.run(  # noqa: S603 -- this interpreter, and a module of this project
                command, input=data, capture_output=True, timeout=seconds, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            raise _CannotDraw(f"drawing it took more than {seconds:g} seconds. {_REMEDY}") from None
        if refusal := re.search(rb"^refused: (.*)", process.stderr, re.DOTALL | re.MULTILINE):
            # Vega-Lite's own sentence, without the stack trace that follows it, and without values of rows.
            lines = refusal.group(1).decode().splitlines()
            sentence = " ".join(line for line in lines if not re.match(r"\s+at |.*conversion failed", line))
            reason = re.sub(r"\{.*\}", "{…}", sentence).removeprefix("Error: ")[:500]
            raise DesignMismatch(f"chart: Vega-Lite refused it: {reason or 'no reason was given'}")
        if process.returncode:
            # V8 ends its process when it can't get memory.
            raise _CannotDraw(f"drawing it took more memory or time than a chart can use. {_REMEDY}")
        return process.stdout


def _for_javascript(column: pa.Array) -> pa.Array:
    """Dates that JavaScript draws right: infinite ones, and those outside of the years 0 to 9999, are NULL."""
    if kind_of(column.type) not in (ColumnKind.DATE, ColumnKind.TIMESTAMP):
        return column
    texts = scalar_text(column)
    return pc.if_else(pc.match_substring_regex(texts, "^[0-9]"), texts, None)


def _label(spec: Mapping[str, Any]) -> str:
    """The text for readers who can't see the chart: its description or its title."""
    title = spec.get("title", "")
    text = title.get("text", "") if isinstance(title, Mapping) else title
    return str(spec.get("description") or (" ".join(map(str, text)) if isinstance(text, list) else text) or "Chart")
