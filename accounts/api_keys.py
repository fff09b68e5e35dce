"""API keys: what they look like, and what they let their user do in a call."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

#: By which secret scanners find keys that somebody published.
PREFIX = "rsk_"
_TEXT = re.compile(r"rsk_([0-9a-f]{16})_[0-9a-f]{64}", re.ASCII)
#: The longest time for which a key can be valid.
MAX_DAYS = 366


class KeyRight(StrEnum):
    """What a key may be used for. `administer` is everything that its user may do."""

    VIEW = "view"
    GENERATE = "generate"
    ADMINISTER = "administer"


@dataclass
class KeyScope:
    """The limits of the key that a call is made with, as `User.key`.

    A key has no rights of its own. Wherever a user's rights are decided, the scope takes some of them away.
    """

    id: str
    name: str
    rights: frozenset[str]
    #: Ids; None: all reports.
    reports: frozenset[UUID] | None
    #: Whether the user could have done something in this call that the key doesn't allow: then a 403 is the key's.
    withheld: bool = False

    def allows(self, right: str) -> bool:
        """Whether the key includes this right, which the user has. Remembers that it doesn't."""
        return self._remember(right in self.rights or KeyRight.ADMINISTER in self.rights)

    def covers(self, report_id: UUID | None) -> bool:
        """Whether the key can be used for this report. Remembers that it can't."""
        return self._remember(self.reports is None or report_id in self.reports)

    def covered(self, report_ids: Iterable[UUID]) -> set[UUID]:
        """The reports among these for which the key can be used."""
        return {report_id for report_id in report_ids if self.covers(report_id)}

    def refuse(self) -> None:
        """Remember that no key can be used for the call."""
        self.withheld = True

    def _remember(self, allowed: bool) -> bool:
        self.withheld = self.withheld or not allowed
        return allowed


@dataclass(frozen=True)
class NewKey:
    """A key that was made a moment ago. Only its digest is stored."""

    id: str
    text: str

    @classmethod
    def make(cls) -> NewKey:
        id = secrets.token_hex(8)
        return cls(id, f"{PREFIX}{id}_{secrets.token_hex(32)}")

    @property
    def digest(self) -> str:
        return _digest(self.text)

    def __repr__(self) -> str:
        return f"<NewKey {self.id}>"


def key_id(text: str) -> str | None:
    """The id in the text of a key; None if the text isn't one."""
    match = _TEXT.fullmatch(text)
    return match[1] if match else None


def is_key(text: str, digest: str) -> bool:
    """Whether this is the text of the key with that digest. Takes as long for every wrong text."""
    return hmac.compare_digest(_digest(text), digest)


def _digest(text: str) -> str:
    # A slow hash protects passwords, which can be guessed. Nobody guesses 256 random bits.
    return hashlib.sha256(text.encode()).hexdigest()
