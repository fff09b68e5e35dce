"""One process at a time archives: the one whose turn it is. It writes one archive at a time."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from audit.archive.port import ArchivedFile
from jobs.clock import Now, from_now
from jobs.history import files
from jobs.models import HistoryTurn

#: A turn ends after so many seconds unless it is extended, as it is with each archive.
_SECONDS = 300


class TurnLost(Exception):
    """Another process archives now."""


class Turn:
    """The turn of this process, which may be over at any moment."""

    def __init__(self) -> None:
        self._owner = uuid.uuid4().hex

    def take(self) -> bool:
        """Begin the turn, and delete what the last one left unfinished. False if it is another process's turn.

        Raise StorageUnavailable or OSError.
        """
        HistoryTurn.objects.get_or_create(pk=1)
        # A time far in the future is one of before the database's clock was set back.
        is_over = Q(until=None) | Q(until__lt=Now()) | Q(until__gt=from_now(2 * _SECONDS))
        until = from_now(_SECONDS)
        if not HistoryTurn.objects.filter(is_over, pk=1).update(owner=self._owner, until=until):
            return False
        # Whoever still writes one has lost its turn.
        files.delete_drafts()
        if pending := HistoryTurn.objects.values_list("pending", flat=True).get(pk=1):
            files.delete(pending)
            self._update(pending="")
        return True

    def end(self) -> None:
        with contextlib.suppress(TurnLost):
            self._update(until=None)

    def move(self, kind: str) -> Move:
        """Begin to move rows into one archive of this kind. If that fails, the turn must end."""
        return Move(self, files.new_name(kind))

    def _update(self, **values: Any) -> None:
        """Raise TurnLost if another process has begun its turn. In a transaction, nobody can before its end."""
        if not HistoryTurn.objects.filter(pk=1, owner=self._owner).update(**{"until": from_now(_SECONDS)} | values):
            raise TurnLost


class Move:
    """The move of rows into one archive.

    The file of a move that was not confirmed, or whose transaction was rolled back, is deleted in the next turn: after
    an error, only the database knows whether the transaction was committed.
    """

    def __init__(self, turn: Turn, name: str) -> None:
        self._turn = turn
        self._name = name

    def write(self, lines: Iterable[bytes]) -> ArchivedFile:
        """Write the archive. Return once it is complete in the store. Raise ArchiveUnavailable or OSError."""
        self._turn._update(pending=self._name)
        return files.write(self._name, lines)

    def confirm(self) -> None:
        """In the transaction that deletes the rows: raise TurnLost unless it is still this process's turn."""
        try:
            self._turn._update(pending="")
        except TurnLost:
            # The next turn may have begun before the file was there.
            files.delete(self._name)
            raise
