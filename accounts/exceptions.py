"""Errors about users and their keys."""

from __future__ import annotations

from common.exceptions import DomainError

#: What everybody else is told.
ADMINISTRATORS_ONLY = "Only an Administrator can do this."


class TooManyNames(DomainError):
    """Too many names that aren't available. Try again in a minute."""

    code = "throttled"
    retryable = True


class KeyNotFound(DomainError):
    """No such API key."""

    code = "key_not_found"


class TooManyKeys(DomainError):
    """This user has too many API keys. Revoke one that is no longer used."""

    code = "too_many_keys"
