"""Which files of heads this host writes and reads."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import Error, connection, transaction

from audit import chain
from audit.exceptions import HeadsDamaged, HeadsMissing, HeadsUnreadable
from audit.heads.comparison import contradicting
from audit.heads.file import Content, HeadsFile
from audit.heads.group_commit import GroupCommit
from audit.key import signing_key

log = logging.getLogger(__name__)
#: An error that lasts is logged once in so many seconds.
_LOG_AGAIN_SECONDS = 60
_SUFFIX = ".heads"
_ERRORS = (OSError, HeadsMissing, HeadsDamaged, HeadsUnreadable)

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
        commit = _commits.setdefault(file.path, GroupCommit(partial(_append, file)))
        try:
            commit.keep(sequence, hash)
        except (*_ERRORS, Error) as error:
            _log_error(file.path, error)
    if settings.AUDIT_HEADS_LOG:
        seal = chain.head_seal(signing_key(), sequence, hash)
        log.info("audit head", extra={"sequence": sequence, "hash": hash, "seal": seal})


def _append(file: HeadsFile, sequence: int, hash: str) -> None:
    file.append(sequence, hash)
    if file.is_large:
        lines = file.lines()
        file.compact(lines, contradicting=contradicting(lines))


def begin(sequence: int, hash: str) -> None:
    """Keep heads from this one on, if this host never did before. Raises nothing: verification finds what is wrong."""
    own = _own_file()
    _begin(own, sequence, hash)
    if (copy := _own_copy(own)) and not (begun := _begun_note(own, copy)).exists() and _begin(copy, sequence, hash):
        begun.touch(0o600)


def _begin(file: HeadsFile, sequence: int, hash: str) -> bool:
    try:
        file.begin(sequence, hash)
    except _ERRORS as error:
        _log_error(file.path, error)
        return False
    return True


def own_files() -> list[HeadsFile]:
    """The files that this host writes: beside the keys, and in the folder that all hosts share, if there is one."""
    own = _own_file()
    return [own, copy] if (copy := _own_copy(own)) else [own]


def all_files() -> list[HeadsFile]:
    """The files that this host can read: also those of other hosts in the shared folder. Raises HeadsUnreadable."""
    files = {file.path: file for file in own_files()}
    if folder := settings.AUDIT_HEADS_FOLDER:
        try:
            paths = sorted(path for path in Path(folder).iterdir() if path.name.endswith(_SUFFIX))
        except OSError as error:
            raise HeadsUnreadable(reason=f"REPORTSERVER_AUDIT_HEADS_FOLDER: {error.strerror}") from None
        files = {path: HeadsFile(path, signing_key()) for path in paths} | files
    return list(files.values())


def read_all() -> list[Content]:
    """What the files say. Read them before the database: what they contain was committed before."""
    try:
        return [file.read() for file in all_files()]
    except HeadsUnreadable as problem:
        return [*(file.read() for file in own_files()), Content("", problem=problem)]


def _own_file() -> HeadsFile:
    return HeadsFile(Path(settings.AUDIT_HEADS_DIR) / "audit_heads", signing_key())


def _own_copy(own: HeadsFile) -> HeadsFile | None:
    """The copy in the shared folder, which is named after the own file. None if there is none."""
    if not (settings.AUDIT_HEADS_FOLDER and (id := own.id)):
        return None
    return HeadsFile(Path(settings.AUDIT_HEADS_FOLDER) / f"{id}{_SUFFIX}", signing_key())


def _begun_note(own: HeadsFile, copy: HeadsFile) -> Path:
    """Tells that a copy was begun in this shared folder, so it is never begun again where the folder isn't mounted."""
    folder = hashlib.sha256(os.fsencode(copy.path.parent.absolute())).hexdigest()
    return own.path.with_name(f"{own.path.name}.copy-{folder[:16]}")


def _log_error(path: Path, error: Exception) -> None:
    now = time.monotonic()
    if now - _logged_at.get(path, -_LOG_AGAIN_SECONDS) >= _LOG_AGAIN_SECONDS:
        _logged_at[path] = now
        log.critical("The end of the audit log can't be kept outside the database: %s", error)
