"""The next run deletes the folders in memory that a killed run left, and no others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.memory import memory_folder
from tests.server import ROOT

_RUN = """
import sys, time
from tests.faults.memory import memory_folder, small_disk
folder = memory_folder("stray")
with small_disk(folder / "artifacts"):
    (folder / "artifacts" / "file").write_text("kept")
    print(folder, flush=True)
    time.sleep(60)
"""


@contextmanager
def run() -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Run a process that has such a folder."""
    process = subprocess.Popen([sys.executable, "-c", _RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield Path(process.stdout.readline().strip()), process
    finally:
        process.kill()
        process.communicate()


def test_only_the_folder_of_a_killed_run_is_deleted(tmp_path: Path) -> None:
    with run() as (killed, process), run() as (running, _):
        process.kill()
        process.wait()
        link = killed.with_name(f"faults-stray-{process.pid}-link")
        link.symlink_to(tmp_path)
        (tmp_path / "file").write_text("kept")
        assert (killed / "artifacts" / "file").exists()
        folder = memory_folder("stray")
        try:
            assert folder.is_dir() and not killed.exists()
            assert str(killed) not in Path("/proc/self/mounts").read_text()
            assert (running / "artifacts" / "file").read_text() == "kept"
            assert (tmp_path / "file").read_text() == "kept"
        finally:
            link.unlink()
            folder.rmdir()
    folder = memory_folder("stray")
    folder.rmdir()
    assert not running.exists()
