"""Errors that both database backends raise."""

from __future__ import annotations

from django.db.utils import OperationalError


class CommitUnconfirmed(OperationalError):
    """The answer to a commit was lost: what the transaction did may be stored, or not."""
