"""A temporary MariaDB server for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.postgres import unprivileged_user

_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")


def missing() -> str | None:
    """Why no server can be started here; None if one can."""
    absent = [name for name in ("mariadbd", "mariadb-install-db") if _program(name) is None]
    return f"{' and '.join(absent)} is not installed (package mariadb-server-core)" if absent else None


@contextmanager
def mariadb_server() -> Iterator[str]:
    """Run a server on a free loopback port. Yields its superuser's URL with an empty database."""
    home, user = Path(tempfile.mkdtemp(prefix="mariadb-", dir="/tmp")), unprivileged_user("mysql")
    try:
        if user:
            shutil.chown(home, user)
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        subprocess.run(
            [_program("mariadb-install-db"), "--no-defaults", f"--datadir={home}/data", "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            cwd="/", check=True, capture_output=True, timeout=120, **identity,
        )  # fmt: skip
        port = free_port()
        with (home / "log").open("w") as log, subprocess.Popen(
            [_program("mariadbd"), "--no-defaults", f"--datadir={home}/data", f"--socket={home}/socket",
             f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
             "--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4"],
            cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, **identity,
        ) as server:  # fmt: skip
            try:
                yield _create_database(server, port, home)
            finally:
                server.kill()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _create_database(server: subprocess.Popen[bytes], port: int, home: Path) -> str:
    """Wait for the server to start, create a database, and return its URL."""
    import pymysql

    for _ in range(300):
        try:
            with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection:
                connection.cursor().execute("create database reports")
                return f"mysql://root@127.0.0.1:{port}/reports"
        except pymysql.OperationalError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{(home / 'log').read_text()}")


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS]))
