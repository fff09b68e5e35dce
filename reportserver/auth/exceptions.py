"""Errors of signing in."""

from __future__ import annotations

from common.exceptions import DomainError
from common.throttling import Usage


class TooManySignIns(DomainError):
    """Too many people are signing in at once. Try again in a few seconds."""

    code = "throttled"
    retryable = True


class TooManyFailures(Exception):
    """Too many sign-ins failed in the last minute: of this name from this address, or from this address altogether."""

    def __init__(self, usage: Usage) -> None:
        super().__init__(usage)
        self.usage = usage
