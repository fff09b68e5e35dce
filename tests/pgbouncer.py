"""A temporary PgBouncer in transaction mode, set up as docs/operations.md says, in front of a PostgreSQL server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.postgres import unprivileged_user
from tests.server import free_port

#: What docs/operations.md says.
SETTINGS = {"pool_mode": "transaction", "ignore_startup_parameters": "options, extra_float_digits"}


def program() -> str | None:
    """The path of PgBouncer; None if it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def pooler(url: str, pool_size: int = 4) -> Iterator[str]:
    """Run a pooler in front of the server with this URL. Yields the URL of the same database behind the pooler."""
    server, port, home = urlsplit(url), free_port(), Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
    options = SETTINGS | {
        "listen_addr": "127.0.0.1", "listen_port": port, "auth_type": "any", "unix_socket_dir": "",
        "default_pool_size": pool_size, "max_client_conn": 200, "logfile": home / "log",
    }  # fmt: skip
    database = f"* = host={server.hostname} port={server.port} user={server.username}"
    lines = [f"{name} = {value}" for name, value in options.items()]
    (home / "pgbouncer.ini").write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines, ""]))
    user = unprivileged_user("postgres")
    if user:
        for path in (home, home / "pgbouncer.ini"):
            shutil.chown(path, user)
    group = pwd.getpwnam(user).pw_gid if user else None
    command = [program() or "pgbouncer", "--quiet", home / "pgbouncer.ini"]
    process = subprocess.Popen(command, user=user, group=group, extra_groups=[] if user else None, cwd="/")
    try:
        _wait_until_listening(port)
        yield server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_listening(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("PgBouncer does not listen.")
