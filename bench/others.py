"""pandas and jsreport, doing the same work: installed for the run by pip and npm, and left out where that can't be.

Not in this project's own environment: pyarrow loads numpy where it is, and would be measured with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from bench import rows as source

_HERE = Path(__file__).parent
_PANDAS = ("pandas~=3.0",)
_JSREPORT = (
    "@jsreport/jsreport-core@4.7.1",
    "@jsreport/jsreport-handlebars@4.0.1",
    "@jsreport/jsreport-html-to-xlsx@4.2.4",
    "cheerio-page-eval@1.0.0",
)
_INSTALL_SECONDS = 300
Write = Callable[[int, Path], object]


class Others:
    """Both in a folder of their own. `missing` are sentences that say what there is not, and why."""

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="bench-others-"))
        self.missing: list[str] = []
        self.has_pandas = self._installed(
            "pandas", [sys.executable, "-m", "pip", "install", "-q", "--target", str(self._folder), *_PANDAS]
        )
        self.has_jsreport = self._installed(
            "jsreport", ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(self._folder), *_JSREPORT]
        )

    def pandas_csv(self, rows: int, path: Path) -> None:
        # -P: this folder has a copy.py, which is not the one that pandas imports.
        command = [sys.executable, "-P", str(_HERE / "pandas_csv.py"), source.plain_query(rows), str(path)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(self._folder)}, capture_output=True)

    def jsreport(self, format: str) -> Write:
        def write(rows: int, path: Path) -> None:
            data = self._folder / "rows.json"
            every = [[str(value) for value in row] for some in source.tuples(rows) for row in some]
            data.write_text(json.dumps({"names": source.names(), "rows": every}))
            command = ["node", str(_HERE / "jsreport.js"), format, str(data), str(path)]
            env = {**os.environ, "NODE_PATH": str(self._folder / "node_modules")}
            subprocess.run(command, check=True, env=env, capture_output=True)

        return write

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _installed(self, name: str, command: list[str]) -> bool:
        # jsreport's PDF is Chromium's print, which is measured by itself.
        env = {**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"}
        try:
            subprocess.run(command, check=True, env=env, capture_output=True, timeout=_INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            self.missing.append(f"{name} could not be installed for this run ({type(error).__name__}).")
            return False
        return True
