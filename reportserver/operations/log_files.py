"""Log files of the programs of a host, which can be replaced while the programs write to them."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
from pathlib import Path
from typing import IO

#: The environment variable that tells a program which file its standard error is.
VARIABLE = "REPORTSERVER_LOG_FILE"
#: Older files that are kept beside each log.
KEPT_FILES = 5
_OUTPUT, _ERROR = 1, 2


def open_log(path: Path) -> IO[bytes]:
    """Open a log to append to it. It and its folder are created if they are missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.open("ab")


def rotate(path: Path, max_bytes: int) -> None:
    """Rename a log that is larger to NAME.1, and the older ones to NAME.2 and so on. Programs then start a new one.

    A rename that fails is tried again the next time: logging must go on.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size <= max_bytes:
            return
        for number in range(KEPT_FILES - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                _numbered(path, number).replace(_numbered(path, number + 1))
        path.replace(_numbered(path, 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


class StandardErrorHandler(logging.StreamHandler[IO[str]]):
    """Writes to standard error. If that is a log file which was renamed or deleted, the process goes on with a new one.

    So no signal is needed, which each of the processes that share the log would have to get.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.path = os.environ.get(VARIABLE)

    def emit(self, record: logging.LogRecord) -> None:
        if self.path:
            # What can't be opened, as on a full disk, is no reason to lose the line.
            with contextlib.suppress(OSError):
                _follow(self.path)
        super().emit(record)


def _follow(path: str) -> None:
    """Let standard error, and standard output if it is the same file, be the file that has this path now."""
    before = os.fstat(_ERROR)
    # The standard error of a job's process is a pipe, even if that of its worker is a file.
    if not stat.S_ISREG(before.st_mode) or _is_at(path, before):
        return
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.path.samestat(os.fstat(_OUTPUT), before):
            os.dup2(log, _OUTPUT)
        os.dup2(log, _ERROR)
    finally:
        os.close(log)


def _is_at(path: str, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(file, Path(path).stat())
    except FileNotFoundError:
        return False
