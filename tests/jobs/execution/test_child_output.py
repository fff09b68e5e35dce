"""Output of a child: forwarded to the log in whole lines, with the end kept for Administrators."""

from __future__ import annotations

import os

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
