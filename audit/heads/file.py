"""A file of heads that several processes append to."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.exceptions import HeadsDamaged, HeadsMissing
from audit.heads.lines import Line, last_intact, new_line, parse
from common.files import rename_durably

#: A larger file is replaced by one that has only its last line, which covers all others.
_MAX_BYTES = 1 << 20
#: More than two lines.
_TAIL_BYTES = 512


class HeadsFile:
    """One file, and the note beside it that says that it was begun: without the note, it never existed."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.id")
        self._key = key

    @property
    def id(self) -> str:
        """A random name for the file. Empty if it was never begun."""
        try:
            return self._note.read_text()
        except FileNotFoundError:
            return ""

    def begin(self, sequence: int, hash: str) -> None:
        """Create the file with this head, unless it was begun before."""
        with self._locked(create=True):
            if not self.id:
                self._replace(new_line(self._key, sequence, hash, after=None))
                self._note.write_text(secrets.token_hex(8))

    def begin_again(self, sequence: int, hash: str) -> Path | None:
        """Begin with this head, whatever the file contained. Returns where the old file is kept; None if it is gone."""
        aside = self.path.with_name(f"{self.path.name}.before-{sequence}")
        with self._locked(create=True):
            exists = self.path.exists()
            if exists:
                self.path.rename(aside)
            self._replace(new_line(self._key, sequence, hash, after=None))
            if not self.id:
                self._note.write_text(secrets.token_hex(8))
        return aside if exists else None

    def append(self, sequence: int, hash: str) -> None:
        """Append and sync a head, unless a later one is there, which covers it. Raises HeadsMissing, HeadsDamaged."""
        with self._locked():
            if self.path.stat().st_size > _MAX_BYTES:
                self._replace(self.newest())
            descriptor = os.open(self.path, os.O_RDWR)
            try:
                self._append(descriptor, sequence, hash)
            except BaseException:
                os.close(descriptor)
                raise
        # Without the lock, so that other processes write meanwhile and share the sync.
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def newest(self) -> Line:
        """The last head. Raises HeadsMissing, and HeadsDamaged if any line isn't as it was written."""
        try:
            content = self.path.read_text("ascii")
        except FileNotFoundError:
            raise HeadsMissing from None
        except UnicodeDecodeError:
            raise HeadsDamaged from None
        line = last_intact(self._key, content)
        if line is None:
            raise HeadsDamaged
        return line

    def _append(self, descriptor: int, sequence: int, hash: str) -> None:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode("ascii", "replace")
        complete, _, torn = tail.rpartition("\n")
        last = parse(complete.rpartition("\n")[2])
        if last is None:
            raise HeadsDamaged
        if last.sequence >= sequence:
            return
        # A process or the machine stopped while it wrote.
        end = size - len(torn)
        os.ftruncate(descriptor, end)
        text = str(new_line(self._key, sequence, hash, after=last)).encode()
        if os.pwrite(descriptor, text, end) != len(text):
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _replace(self, line: Line) -> None:
        """Replace the file by one with this line only, sealed as its first."""
        draft = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, str(new_line(self._key, line.sequence, line.hash, after=None)).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        rename_durably(draft, self.path)

    @contextmanager
    def _locked(self, *, create: bool = False) -> Iterator[None]:
        """Keep other processes and threads from writing."""
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        if create:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(self._note, flags, 0o600)
        except FileNotFoundError:
            raise HeadsMissing from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        except FileNotFoundError:
            raise HeadsMissing from None
        finally:
            os.close(descriptor)
