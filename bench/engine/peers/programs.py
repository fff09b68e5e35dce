"""Programs to compare with: pandas and jsreport, installed for one run by pip and npm, and Chromium.

What can't be installed is left out. pandas stays out of the project's environment: it brings numpy, which pyarrow would
load, so that its memory would count as the engine's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Self

from bench.engine import flights
from bench.engine.peers.python_writers import html_escape

_HERE = Path(__file__).parent
_PANDAS = ("pandas~=3.0",)
_JSREPORT = (
    "@jsreport/jsreport-core@4.7.1",
    "@jsreport/jsreport-handlebars@4.0.1",
    "@jsreport/jsreport-html-to-xlsx@4.2.4",
    "cheerio-page-eval@1.0.0",
)
_INSTALL_SECONDS = 300


class InstalledPrograms:
    """pandas and jsreport in a temporary folder. `missing` says in sentences which programs are missing, and why."""

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="bench-programs-"))
        self.missing: list[str] = []
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(self._folder)]
        self.has_pandas = self._install("pandas", [*pip, *_PANDAS])
        npm = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(self._folder)]
        self.has_jsreport = self._install("jsreport", [*npm, *_JSREPORT])
        if not chromium():
            self.missing.append("Chromium is not installed.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def pandas_csv(self, rows: int, path: Path) -> None:
        command = [sys.executable, str(_HERE / "pandas_csv.py"), flights.literal_query(rows), str(path)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(self._folder)}, capture_output=True)

    def jsreport(self, format: str) -> Callable[[int, Path], None]:
        def write(rows: int, path: Path) -> None:
            data = self._folder / "rows.json"
            texts = [[str(value) for value in row] for batch in flights.batches(rows) for row in batch]
            data.write_text(json.dumps({"names": flights.column_names(), "rows": texts}))
            command = ["node", str(_HERE / "jsreport.js"), format, str(data), str(path)]
            env = {**os.environ, "NODE_PATH": str(self._folder / "node_modules")}
            subprocess.run(command, check=True, env=env, capture_output=True)

        return write

    def _install(self, name: str, command: list[str]) -> bool:
        # jsreport prints PDF with Chromium, which is measured by itself.
        env = {**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"}
        try:
            subprocess.run(command, check=True, env=env, capture_output=True, timeout=_INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            self.missing.append(f"{name} could not be installed for this run ({type(error).__name__}).")
            return False
        return True


def print_with_chromium(rows: int, path: Path) -> None:
    """Print an HTML table as PDF."""
    with TemporaryDirectory(prefix="bench-print-") as folder:
        page = Path(folder) / "page.html"
        html_escape(rows, page)
        command = [
            str(chromium()), "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile", f"--print-to-pdf={path}", page.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)


def chromium() -> str | None:
    """Return the path of Chromium or Chrome; None if neither is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
