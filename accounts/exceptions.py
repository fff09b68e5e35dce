"""Errors about users."""

from __future__ import annotations

from common.exceptions import DomainError


class TooManyNames(DomainError):
    """Too many names that aren't available. Try again in a minute."""

    code = "throttled"
    retryable = True
