"""The client uses nothing that the oldest Python it supports doesn't have."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.server import ROOT

FOLDER = ROOT / "client"


def errors() -> Iterator[str]:
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=")
    vermin = str(Path(sys.executable).with_name("vermin"))
    command = [vermin, "--quiet", "--no-tips", "--violations", f"--target={oldest}-"]
    checked = subprocess.run([*command, str(FOLDER)], capture_output=True, text=True)
    if checked.returncode:
        yield f"The client doesn't run on Python {oldest}:\n{checked.stdout.strip()}"
