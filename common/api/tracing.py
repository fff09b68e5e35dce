"""The trace that a call is part of, as its client says: W3C Trace Context."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

#: A version other than ff, the ids of trace and span, which aren't all zeros, and flags. Later versions add to it.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


class Trace(NamedTuple):
    """The ids of a trace and of the client's span in it, in hexadecimal."""

    trace_id: str
    span_id: str


#: Of the call that this thread answers; None if its client sent none.
current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def parse_traceparent(header: str) -> Trace | None:
    """Return what the header `traceparent` says; None if it makes no sense."""
    match = _TRACEPARENT.fullmatch(header)
    return Trace(match[1], match[2]) if match else None
