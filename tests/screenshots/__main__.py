"""Take screenshots of the demo, with generated jobs and without workers.

`python -m tests.screenshots FOLDER [STATE …]` takes every page in every state, or in these. The state "full" mounts a
small disk, which only root can do. `python -m tests.screenshots --docs` takes the pictures in docs/images.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.screenshots.documentation import take_documentation_pictures
from tests.screenshots.generated_jobs import STATES
from tests.screenshots.pages import take_all_pages
from tests.server import ROOT, RunningServer, prepare_server, start, stop

#: Megabytes of the disk in the state "full", and how many of them are free.
_DISK, _FREE = 200, 12


def main() -> None:
    folder, *states = sys.argv[1:]
    if folder == "--docs":
        with _server("normal") as server:
            take_documentation_pictures(server)
        return
    for state in states or STATES:
        with _server(state) as server:
            take_all_pages(server, state, Path(folder) / state)


@contextmanager
def _server(state: str) -> Iterator[RunningServer]:
    """Run a server in this state."""
    with TemporaryDirectory(prefix="screenshots-") as folder, _disk(state, folder) as fill_disk:
        server = prepare_server(Path(folder), REPORTSERVER_DEMO="1")
        generate = [sys.executable, "-m", "tests.screenshots.generated_jobs", state]
        subprocess.run(generate, cwd=ROOT, env=server.env, check=True)
        fill_disk()
        start(server, workers=False)
        try:
            yield server
        finally:
            stop(server)


@contextmanager
def _disk(state: str, folder: str) -> Iterator[Callable[[], object]]:
    """In the state "full", mount a small disk as the folder. Yields a function that fills it."""
    if state != "full":
        yield lambda: None
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}m", "tmpfs", folder], check=True)
    try:
        yield lambda: (Path(folder) / "used").write_bytes(bytes(shutil.disk_usage(folder).free - _FREE * 2**20))
    finally:
        subprocess.run(["umount", folder], check=True)


if __name__ == "__main__":
    main()
