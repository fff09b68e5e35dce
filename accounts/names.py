"""User names: which of them are the same to people, and which belong to the server itself."""

from __future__ import annotations

from unicodedata import normalize

#: What the audit log calls the server, its operators and people it doesn't know.
SYSTEM, OPERATOR, UNKNOWN = "system", "operator", "unknown"
#: The answer to a name that is reserved, or that anybody has: also a user of another tenant.
NOT_AVAILABLE = "This name isn't available."
_RESERVED = frozenset({SYSTEM, OPERATOR, UNKNOWN, "anonymous", "server", "reportserver"})


def comparable(name: str) -> str:
    """The same text for names that differ only in case or in how their characters are encoded (NFKC, case folded)."""
    return normalize("NFKC", normalize("NFKC", name).casefold()).strip()


def is_reserved(name: str) -> bool:
    """True for a name that the audit log uses for others than users, and for its look-alikes."""
    return comparable(name).partition(":")[0].strip() in _RESERVED
