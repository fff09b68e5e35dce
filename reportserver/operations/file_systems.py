"""On which file system is a file, and may SQLite keep a database there?

SQLite's write-ahead log needs memory that all processes share, so all of them must be on one host, and its locks must
work. Neither holds on a network file system: two hosts corrupt the file (https://sqlite.org/wal.html, section 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.management.base import CommandError

#: Types as in the mount table: NFS, SMB, and other file systems that several hosts share over a network.
NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "beegfs"}
    | {"juicefs", "gpfs", "gfs2", "ocfs2"}
    | {
        "vboxsf",
        "davfs",
        "sshfs",
        "rclone",
        "s3fs",
        "gcsfuse",
        "blobfuse",
        "blobfuse2",
        "goofys",
        "cephfs",
        "curlftpfs",
    }
)
#: What the clients of these file systems in user space are called begins so: ceph-fuse, mfsmount, mfsbdev.
_NETWORK_PREFIXES = ("ceph", "mfs")
#: Types with which a machine hands its folders to virtual machines and containers, which may share them with others.
SHARED_TYPES = frozenset({"virtiofs", "9p"})
REMEDY = "Move it to a local disk, or use PostgreSQL: set REPORTSERVER_DATABASE_URL to postgresql://…"
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    folder: Path
    type: str


def not_local() -> str:
    """A sentence about the first file of a database that is on a network file system; empty if there is none."""
    for file, type in _types():
        if is_network_type(type):
            return f"{file} is on a network file system ({type}), where SQLite would lose data."
    return ""


def maybe_shared() -> str:
    """A sentence about the first file of a database that other machines may share; empty if there is none."""
    for file, type in _types():
        if type.removeprefix("fuse.") in SHARED_TYPES:
            return f"{file} is in a folder of the machine that runs this one ({type}): only one of them may use it."
    return ""


def _types() -> Iterator[tuple[Path, str]]:
    """Yield the files of the databases, each with the type of its file system."""
    if not settings.SQLITE:
        return
    mounts = parse_mounts(_MOUNTS.read_text(errors="surrogateescape"))
    for file in (Path(database["NAME"]) for database in settings.DATABASES.values()):
        if mount := mount_of(file.resolve(), mounts):
            yield file, mount.type


def require_local() -> None:
    """Raise CommandError if SQLite would have to use a network file system."""
    if sentence := not_local():
        raise CommandError(f"{sentence} {REMEDY}")


def is_network_type(type: str) -> bool:
    """True for a type of the mount table that stands for a network file system, also one in user space."""
    in_user_space = type.removeprefix("fuse.")
    return in_user_space in NETWORK_TYPES or in_user_space.startswith(_NETWORK_PREFIXES)


def parse_mounts(table: str) -> list[Mount]:
    """The mounts of a table in the format of /proc/self/mountinfo (proc_pid_mountinfo(5)), in its order."""
    mounts = []
    for line in table.splitlines():
        fields, separator, rest = line.partition(" - ")
        if separator and len(fields.split(" ")) >= 5 and rest:
            mounts.append(Mount(Path(_unescaped(fields.split(" ")[4])), rest.split(" ")[0]))
    return mounts


def mount_of(file: Path, mounts: list[Mount]) -> Mount | None:
    """The mount that holds the file, whose path is absolute and without links. A later mount hides an earlier one."""
    holding = [mount for mount in mounts if file.is_relative_to(mount.folder)]
    deepest = max((len(mount.folder.parts) for mount in holding), default=0)
    return next((mount for mount in reversed(holding) if len(mount.folder.parts) == deepest), None)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
