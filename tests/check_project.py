"""Checks of the whole project that no linter has: migrations, the OpenAPI document, sizes of functions and files."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.server import ROOT

APPS = ("reportserver", "jobs", "reports", "audit", "accounts", "common")
LONGEST_FUNCTION = 40
LONGEST_FILE = 400
MEDIAN_FUNCTION = 10


def main() -> int:
    """Print what is wrong; the number of faults is the exit code."""
    faults = [*_commands(), *_sizes()]
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return len(faults)


def _commands() -> Iterator[str]:
    for command in (
        ["check", "--fail-level", "WARNING"],
        ["makemigrations", "--check", "--dry-run"],
        ["spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null"],
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", *command, "--settings", "tests.settings"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            yield f"manage.py {' '.join(command)} failed:\n{done.stdout}{done.stderr}"


def _sizes() -> Iterator[str]:
    for path in _sources(*APPS, "tests", "bench"):
        if (lines := path.read_text().count("\n")) > LONGEST_FILE:
            yield f"{path.relative_to(ROOT)} has {lines} lines, more than {LONGEST_FILE}."
    lengths = []
    for path in _sources(*APPS):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                lengths.append((function.end_lineno or 0) - function.lineno + 1)
                if lengths[-1] > LONGEST_FUNCTION:
                    yield f"{path.relative_to(ROOT)}: {function.name} has {lengths[-1]} lines."
    if (median := statistics.median(lengths)) > MEDIAN_FUNCTION:
        yield f"The median function has {median} lines, more than {MEDIAN_FUNCTION}."


def _sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


if __name__ == "__main__":
    sys.exit(main())
