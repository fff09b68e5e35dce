"""Whatever umask a server is started with, other users of the machine can use none of its files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.server import running_server

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def test_no_file_of_the_server_is_for_others(tmp_path: Path, prepared: Path) -> None:
    """In a data folder that was prepared, a job has run, and its result was downloaded."""
    before = os.umask(0)
    try:
        folder = tmp_path / "data"
        # The folder of logs is made by the operator, who redirects the output there.
        (folder / "logs").mkdir(mode=0o700, parents=True)
        with running_server(folder, prepared=prepared) as server:
            bob = server.client("bob")
            job = bob.generate("sales-by-region")
            assert bob.wait(job)["status"] == "Succeeded"
            assert bob.get(f"/jobs/{job}/result").status_code == 200
            server.manage("verify_audit")
            paths = list(folder.rglob("*"))
            open_files = {path for path in paths if not path.is_symlink() and path.stat().st_mode & _OTHERS}
    finally:
        os.umask(before)
    # The pages' styles and scripts are no secret, and this log was opened by the test.
    public = {path for path in open_files if path.is_relative_to(folder / "static")}
    assert open_files - public - {folder / "logs" / "serve.log"} == set()
    names = {path.relative_to(folder).parts[0] for path in paths}
    assert {"reportserver.sqlite3", "reportserver.sqlite3-wal", "artifacts", "keys", "instances", "logs"} <= names
    assert folder / "keys" / "audit_heads" in paths
    assert list((folder / "artifacts").glob("*/*/*.csv"))
