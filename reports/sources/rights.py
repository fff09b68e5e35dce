"""What the account that a data source's URL names may do beyond reading.

The transactions of reports are read-only, but that doesn't hold everything back: functions read files, open connections
and create what outlives the transaction.
"""

from __future__ import annotations

from enum import StrEnum


class Excess(StrEnum):
    """A kind of right that no report needs."""

    SUPERUSER = "superuser"
    FILES = "files"
    WRITE = "writes"
    ACCOUNTS = "accounts"
    REPLICATION = "replication"
    CONNECT = "connects"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Excess.SUPERUSER: "The account in its URL is a superuser, so queries can read the database server's files.",
    Excess.FILES: "The account in its URL may read or write files of the database server.",
    Excess.WRITE: "The account in its URL may change data.",
    Excess.ACCOUNTS: "The account in its URL may manage accounts, and so give itself any right.",
    Excess.REPLICATION: "The account in its URL may create replication slots, which outlive the query.",
    Excess.CONNECT: "The account in its URL may call dblink, which connects to other servers.",
    Excess.UNKNOWN: "Its driver has no read-only mode, so only the rights of its account keep queries from writing.",
}
