"""Which files of heads this host writes and reads."""

from __future__ import annotations

import logging
import os
import socket
import time
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from audit import chain
from audit.exceptions import HeadsDamaged, HeadsMissing
from audit.heads.file import HeadsFile
from audit.heads.group_commit import GroupCommit
from audit.heads.lines import Line
from audit.key import signing_key

log = logging.getLogger(__name__)
#: An error that lasts is logged once in so many seconds.
_LOG_AGAIN_SECONDS = 60
_SUFFIX = ".heads"

_commits: dict[Path, GroupCommit] = {}
# A process that was forked while a thread wrote would wait for that thread for ever.
os.register_at_fork(after_in_child=_commits.clear)
_logged_at: dict[Path, float] = {}


class _Keep:
    """Keeps a head once the transaction has been committed."""

    def __init__(self, sequence: int, hash: str) -> None:
        self.head = (sequence, hash)

    def __call__(self) -> None:
        keep(*self.head)


def keep_after_commit(sequence: int, hash: str) -> None:
    """Keep this head once the transaction has been committed. Of several in one transaction, the last is kept."""
    hooks = connection.run_on_commit
    # Only in the same savepoint: the earlier head is still needed if the later one is rolled back alone.
    if hooks and isinstance(hooks[-1][1], _Keep) and hooks[-1][0] == set(connection.savepoint_ids):
        hooks.pop()
    transaction.on_commit(_Keep(sequence, hash), robust=True)


def keep(sequence: int, hash: str) -> None:
    """Keep a head that was committed. Raises nothing: what was committed has happened, and its caller must learn that.

    A head that can't be kept is covered by the next one that can. Until then the file is behind the log, which
    contradicts nothing.
    """
    for file in own_files():
        commit = _commits.setdefault(file.path, GroupCommit(file.append))
        try:
            commit.keep(sequence, hash)
        except (OSError, HeadsMissing, HeadsDamaged) as error:
            _log_error(file.path, error)
    if settings.AUDIT_HEADS_LOG:
        seal = chain.head_seal(signing_key(), sequence, hash)
        log.info("audit head", extra={"sequence": sequence, "hash": hash, "seal": seal})


def begin(sequence: int, hash: str) -> None:
    """Keep heads from this one on, if this host never did before."""
    for file in own_files():
        file.begin(sequence, hash)
    # The shared file is named after the own one, so it is known only now.
    for file in own_files():
        file.begin(sequence, hash)


def own_files() -> list[HeadsFile]:
    """The files that this host writes: beside the keys, and in the folder that all hosts share, if there is one."""
    own = HeadsFile(Path(settings.AUDIT_HEADS_DIR) / "audit_heads", signing_key())
    files = [own]
    if settings.AUDIT_HEADS_FOLDER and (id := own.id):
        files.append(HeadsFile(Path(settings.AUDIT_HEADS_FOLDER) / f"{id}{_SUFFIX}", signing_key()))
    return files


def all_files() -> list[HeadsFile]:
    """The files that this host can read: also those of other hosts in the shared folder."""
    files = {file.path: file for file in own_files()}
    if settings.AUDIT_HEADS_FOLDER:
        for path in sorted(Path(settings.AUDIT_HEADS_FOLDER).glob(f"*{_SUFFIX}")):
            files.setdefault(path, HeadsFile(path, signing_key()))
    return list(files.values())


def read_all() -> list[Line | HeadsMissing | HeadsDamaged]:
    """What the files say. Read them before the database: what they contain was committed before."""
    return [read(file) for file in all_files()]


def read(file: HeadsFile) -> Line | HeadsMissing | HeadsDamaged:
    """The newest head in the file, or what is wrong with the file."""
    try:
        return file.newest()
    except (HeadsMissing, HeadsDamaged) as error:
        return error


def host_name() -> str:
    return socket.gethostname()


def _log_error(path: Path, error: Exception) -> None:
    now = time.monotonic()
    if now - _logged_at.get(path, -_LOG_AGAIN_SECONDS) >= _LOG_AGAIN_SECONDS:
        _logged_at[path] = now
        log.critical("The end of the audit log can't be kept outside the database: %s", error)
