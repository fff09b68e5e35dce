"""Tables and sections of docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table that is also readable in a terminal. All columns but the first are right-aligned."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = "|".join(["-" * (widths[0] + 2), *(f"{'-' * (width + 1)}:" for width in widths[1:])])
    head_line, *row_lines = [_line(line, widths) for line in lines]
    return "\n".join([head_line, f"|{rule}|", *row_lines])


def replace_section(name: str, text: str) -> None:
    """Replace the text between the section's two markers in docs/benchmarks.md."""
    begin, end = f"<!-- bench {name}: begin -->", f"<!-- bench {name}: end -->"
    section = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, count = section.subn(lambda _: f"{begin}\n{text.strip()}\n{end}", PATH.read_text())
    if not count:
        raise SystemExit(f"docs/benchmarks.md has no section {name}. Add the lines {begin} and {end}.")
    PATH.write_text(replaced)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        f"{cell:<{width}}" if column == 0 else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(aligned)} |"
