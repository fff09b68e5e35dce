"""Commands whose output nobody reads any more, as with `| head -1`, end quietly."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.server import RunningServer


@pytest.mark.parametrize(
    "command",
    # One that writes lines, one that writes a file, and one of Django's: all go through the same entry point.
    ["jobs list --json", "run_report sales-by-region --tenant acme -o -", "help"],
)
def test_a_command_without_a_reader_is_quiet(server: RunningServer, command: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        run = subprocess.run(
            [*server.program, *command.split()],
            cwd=server.cwd,
            env=server.env,
            stdout=write_end,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(write_end)
    assert b"BrokenPipe" not in run.stderr and b"Traceback" not in run.stderr
    assert run.returncode == 141
