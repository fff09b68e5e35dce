"""A file of heads that several processes append to."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from audit.exceptions import HeadsDamaged, HeadsMissing, HeadsUnreadable
from audit.heads.lines import Line, all_intact, new_line, parse, sealed_anew
from common.files import rename_durably

#: No file grows to this by what is appended to it.
_MAX_BYTES = 1 << 26
#: More than two lines.
_TAIL_BYTES = 512


@dataclass(frozen=True)
class Content:
    """All lines of a file, or what is wrong with it."""

    #: The file's id. Empty if that can't be read.
    id: str
    lines: Sequence[Line] = ()
    problem: HeadsMissing | HeadsDamaged | HeadsUnreadable | None = None


class HeadsFile:
    """One file, and the note beside it that says that it was begun: without the note, it never existed."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.id")
        self._key = key

    @property
    def id(self) -> str:
        """A random name for the file. Empty if it was never begun, or if that can't be read."""
        try:
            return _read(self._note)
        except (HeadsMissing, HeadsDamaged, HeadsUnreadable):
            return ""

    def begin(self, sequence: int, hash: str) -> None:
        """Create the file with this head, unless it was begun before.

        Raises OSError, HeadsDamaged and HeadsUnreadable.
        """
        with self._locked(create=True):
            if not _read(self._note):
                self._replace([new_line(self._key, sequence, hash, after=None)])
                self._note.write_text(secrets.token_hex(8))

    def begin_again(self, sequence: int, hash: str) -> Path | None:
        """Begin with this head, whatever the file contained. Returns where the old file is kept; None if it is gone.

        Raises OSError.
        """
        aside = self.path.with_name(f"{self.path.name}.before-{sequence}")
        with self._locked(create=True):
            exists = os.path.lexists(self.path)
            if exists:
                if os.path.lexists(aside):
                    aside = aside.with_name(f"{aside.name}-{secrets.token_hex(4)}")
                self.path.rename(aside)
            self._replace([new_line(self._key, sequence, hash, after=None)])
            if not self.id:
                self._note.write_text(secrets.token_hex(8))
        return aside if exists else None

    def append(self, sequence: int, hash: str) -> None:
        """Append and sync a head, unless a later one is there. Raises HeadsMissing, HeadsDamaged and OSError.

        If the later one is of a log that was put back since, it stays, and contradicts that log.
        """
        with self._locked():
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

    @property
    def is_large(self) -> bool:
        """True if the file is to be compacted."""
        return self.path.stat().st_size > settings.AUDIT_HEADS_LARGE_BYTES

    def lines(self) -> list[Line]:
        """All heads. Raises HeadsMissing, HeadsUnreadable, and HeadsDamaged if any line isn't as it was written."""
        lines = all_intact(self._key, _read(self.path))
        if lines is None:
            raise HeadsDamaged
        return lines

    def read(self) -> Content:
        """All heads, or what is wrong with the file. Raises nothing."""
        try:
            # Without its note, the file would be replaced at the next start.
            id = _read(self._note)
            if not id:
                raise HeadsMissing
        except (HeadsMissing, HeadsDamaged, HeadsUnreadable) as problem:
            return Content("", problem=problem)
        try:
            return Content(id, self.lines())
        except (HeadsMissing, HeadsDamaged, HeadsUnreadable) as problem:
            return Content(id, problem=problem)

    def compact(self, lines: Sequence[Line], *, contradicting: Sequence[Line]) -> None:
        """Replace all `lines` but the last one, which covers the others, and those that contradict the database.

        Of these, the first and the last are kept: the file must not forget that there was another log. Does nothing if
        the file doesn't begin with the lines any more.
        """
        with self._locked():
            now = self.lines()
            if now[: len(lines)] == lines:
                kept = dict.fromkeys([*contradicting[:1], *contradicting[-1:], lines[-1]])
                self._replace([*kept, *now[len(lines) :]])

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

    def _replace(self, lines: Sequence[Line]) -> None:
        """Replace the file by one with these lines only."""
        draft = self.path.with_name(f"{self.path.name}.new")
        with open(draft, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("".join(map(str, sealed_anew(self._key, lines))))
            file.flush()
            os.fsync(file.fileno())
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


def _read(path: Path) -> str:
    """The text of a file. Raises HeadsMissing, HeadsDamaged, and HeadsUnreadable with the reason."""
    try:
        # A pipe in its place would wait for a writer.
        with open(path, encoding="ascii", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise HeadsUnreadable(reason="It is not a file")
            if found.st_size > _MAX_BYTES:
                raise HeadsDamaged
            return file.read()
    except FileNotFoundError:
        raise HeadsMissing from None
    except UnicodeDecodeError:
        raise HeadsDamaged from None
    except OSError as error:
        raise HeadsUnreadable(reason=str(error.strerror)) from None
