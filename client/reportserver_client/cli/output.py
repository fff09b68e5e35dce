"""What the commands print: tables and JSON to the standard output, progress and errors to the standard error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from tqdm import tqdm

from reportserver_client.models import Job

_MAX_CELL = 60


def plain(text: object) -> str:
    """The text without characters that control a terminal: names and errors are other people's."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+", " ", str(text))


def say(text: str) -> None:
    sys.stderr.write(f"{plain(text)}\n")


def print_json(value: Any) -> None:
    # ASCII: readable in any encoding, and nothing in it controls a terminal.
    sys.stdout.write(f"{json.dumps(value, indent=2)}\n")


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for row in cells:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n")


def local(at: datetime | None) -> str:
    """The time in the zone of this machine."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at else ""


def _cell(value: object) -> str:
    text = plain("" if value is None else value)
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"


class JobProgress:
    """A bar for a job that runs, where somebody sees it."""

    def __init__(self) -> None:
        self._bar = tqdm(
            desc="Waiting",
            total=100,
            file=sys.stderr,
            disable=None,  # shown on terminals only
            leave=False,
            bar_format="{desc} |{bar:30}| {percentage:3.0f}% {elapsed}{postfix}",
        )

    def __enter__(self) -> JobProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, job: Job) -> None:
        queue = job.raw.get("queue")
        status = f"{job.status}, position {queue['position']}" if queue else job.status
        self._bar.set_description_str(plain(f"{job.report}: {status}"), refresh=False)
        self._bar.set_postfix_str(f"{job.rows:,} rows" if job.rows else "", refresh=False)
        self._bar.n = job.percent or 0
        self._bar.refresh()


class DownloadProgress:
    """A bar for a download, where somebody sees it."""

    def __init__(self, name: str) -> None:
        self._bar = tqdm(
            desc=plain(name), unit="B", unit_scale=True, unit_divisor=1024, file=sys.stderr, disable=None, leave=False
        )

    def __enter__(self) -> DownloadProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, received: int, total: int) -> None:
        self._bar.total = total
        self._bar.update(received - self._bar.n)
