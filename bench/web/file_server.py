"""The smallest WSGI application that sends a file: the baseline for downloads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = Path(os.environ["BENCH_FILE"])
    start_response("200 OK", [("Content-Type", "text/csv"), ("Content-Length", str(path.stat().st_size))])
    body: Iterable[bytes] = environ["wsgi.file_wrapper"](path.open("rb"), 262_144)
    return body
