"""The lines of a file of heads.

Each has a seal, which also covers the line before: somebody without the key can't change, move or remove a line, except
the last ones.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from audit import chain

_LINE = re.compile(
    r"(?P<sequence>\d{1,19}) (?P<hash>[0-9a-f]{64}) (?P<written_at>\S{1,40}) (?P<seal>[0-9a-f]{64})", re.ASCII
)


@dataclass(frozen=True)
class Line:
    """The end of the log at a time: the sequence and hash of the last entry."""

    sequence: int
    hash: str
    #: ISO 8601, by this host's clock. For people; nothing depends on it.
    written_at: str
    seal: str

    def __str__(self) -> str:
        return f"{self.sequence} {self.hash} {self.written_at} {self.seal}\n"


def new_line(key: bytes, sequence: int, hash: str, *, after: Line | None) -> Line:
    """The line that follows `after`; the first one of a file follows None."""
    written_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Line(sequence, hash, written_at, _seal(key, sequence, hash, written_at, after))


def sealed_anew(key: bytes, lines: Iterable[Line]) -> Iterator[Line]:
    """The same heads as the lines of a file that begins with them."""
    last = None
    for line in lines:
        last = replace(line, seal=_seal(key, line.sequence, line.hash, line.written_at, last))
        yield last


def parse(text: str) -> Line | None:
    """The line with this text, whose seal is not checked. None if it isn't one."""
    match = _LINE.fullmatch(text)
    return Line(int(match["sequence"]), match["hash"], match["written_at"], match["seal"]) if match else None


def all_intact(key: bytes, content: str) -> list[Line] | None:
    """The lines. None if one of them is not as it was written, or if there is none.

    What follows the last line break was still being written.
    """
    lines: list[Line] = []
    for text in content.split("\n")[:-1]:
        line = parse(text)
        last = lines[-1] if lines else None
        if line is None or not hmac.compare_digest(
            line.seal, _seal(key, line.sequence, line.hash, line.written_at, last)
        ):
            return None
        lines.append(line)
    return lines or None


def _seal(key: bytes, sequence: int, hash: str, written_at: str, after: Line | None) -> str:
    return chain.outside_seal(key, after.seal if after else "", sequence, hash, written_at)
