"""Output of a child: forwarded to the log in whole lines, with the end kept for Administrators."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.execution.child_output import OutputPipe


def connect(pipe: OutputPipe) -> int:
    """Return the end that a child would write to."""
    child_end = os.dup(pipe.write_end)
    pipe.start_reading()
    return child_end


def test_only_whole_lines_are_forwarded_and_the_rest_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    pipe = OutputPipe()
    child_end = connect(pipe)
    os.write(child_end, b"first line\nsecond")
    assert pipe.forward()
    assert capfd.readouterr().err == "first line\n"
    assert not pipe.forward(), "nothing was written"
    assert not pipe.at_end
    os.write(child_end, b" line")
    os.close(child_end)
    pipe.close()
    assert pipe.at_end
    assert capfd.readouterr().err == "second line\n"
    assert pipe.tail == "first line\nsecond line"


def test_a_very_long_line_is_forwarded_in_pieces_and_only_its_end_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    pipe = OutputPipe()
    child_end = connect(pipe)
    for _ in range(3):
        os.write(child_end, b"x" * 50_000)
        assert pipe.forward()
    assert len(capfd.readouterr().err) >= 100_000
    os.close(child_end)
    pipe.close()
    assert pipe.tail == "x" * 8_000


def test_a_job_cannot_fill_the_disk_with_its_output(tmp_path: Path) -> None:
    """Its end is kept, whatever was left out of the log."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        standard_error = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            pipe = OutputPipe()
            child_end = connect(pipe)
            for _ in range(200):
                os.write(child_end, b"y" * 59_999 + b"\n")
                assert pipe.forward()
            os.write(child_end, b"the end\n")
            os.close(child_end)
            pipe.close()
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
    assert 1_000_000 < log.stat().st_size < 1_100_000
    assert log.read_text().count("[The rest of this job's output is not logged.]") == 1
    assert pipe.tail.endswith("the end")
