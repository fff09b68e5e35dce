"""Errors of signing in."""

from __future__ import annotations

from common.exceptions import DomainError
from common.throttling import Usage


class CodeRequired(DomainError):
    """Send the code of your authenticator app, or a recovery code, as otp."""

    code = "otp_required"


class SecondFactorRequired(DomainError):
    """Your organization requires a second factor. Sign in on the pages and set one up."""

    code = "second_factor_required"


class TooManySignIns(DomainError):
    """Too many people are signing in at once. Try again in a few seconds."""

    code = "throttled"
    retryable = True


class TooManyFailures(DomainError):
    """Too many failed sign-ins. Try again in a minute."""

    # Of this name from this address, or from this address altogether, in the last minute.
    code = "throttled"
    retryable = True

    def __init__(self, usage: Usage) -> None:
        super().__init__()
        self.usage = usage
