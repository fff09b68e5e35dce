"""Django's and drf-spectacular's own checks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.server import ROOT

_COMMANDS = (
    ("check", "--fail-level", "WARNING"),
    ("makemigrations", "--check", "--dry-run"),
    ("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null"),
)


def errors() -> Iterator[str]:
    for command in _COMMANDS:
        result = subprocess.run(
            [sys.executable, "manage.py", *command, "--settings", "tests.settings"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            yield f"manage.py {' '.join(command)} failed:\n{result.stdout}{result.stderr}"
