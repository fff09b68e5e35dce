"""docs/benchmarks.md: each part of the benchmarks rewrites what is between its two markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that also reads well in a terminal: text to the left, the other columns to the right."""
    lines = [head, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    rule = "|".join("-" * (width + 2) if at == 0 else "-" * (width + 1) + ":" for at, width in enumerate(widths))
    head_line, *row_lines = [_line(line, widths) for line in lines]
    return "\n".join([head_line, f"|{rule}|", *row_lines])


def write(part: str, text: str) -> None:
    """Replace what stands between the markers of this part."""
    document = PATH.read_text()
    begin, end = f"<!-- bench {part}: begin -->", f"<!-- bench {part}: end -->"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, found = between.subn(lambda _: f"{begin}\n{text.strip()}\n{end}", document)
    if not found:
        raise SystemExit(f"docs/benchmarks.md has no place for {part}: add the lines {begin} and {end}.")
    PATH.write_text(replaced)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        f"{cell:<{width}}" if at == 0 else f"{cell:>{width}}"
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(aligned)} |"
