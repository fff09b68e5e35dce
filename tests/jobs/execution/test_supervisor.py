"""The supervisor stops in any state that it can be in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.server import ROOT, prepare_server

_STOP = """
import os, django; django.setup()
from jobs.execution.supervisor import Supervisor
supervisor = Supervisor(helper_pids={"deliverer": 0, "scheduler": 0})
os._exit(supervisor._stop_all())
"""


def test_helpers_that_could_not_be_started_do_not_keep_it_from_stopping(tmp_path: Path, prepared: Path) -> None:
    """The system refused to fork them, and the stop came before they were started again."""
    server = prepare_server(tmp_path, prepared=prepared)
    ended = subprocess.run(
        [sys.executable, "-c", _STOP], env=server.env, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (os.EX_OK, "")
