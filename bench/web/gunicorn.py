"""Runs small WSGI applications to compare with, on the web server and with the processes that ours has by default."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.ports import free_port
from tests.server import ROOT

#: As in reportserver/web/gunicorn_config.py.
_OPTIONS = ["--worker-class=gthread", "--workers=2", "--threads=16", "--log-level=warning", "--no-control-socket"]


@contextmanager
def gunicorn(module: str, **environ: str) -> Iterator[str]:
    """Run `application` of the module with these environment variables. Yields its URL."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", *_OPTIONS, f"--bind=127.0.0.1:{port}", f"{module}:application"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ})
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("gunicorn did not start.")
