"""Why a sign-in through an identity provider fails. Each docstring is what the person reads."""

from __future__ import annotations

from common.exceptions import DomainError


class ProviderError(DomainError):
    """The answer of the identity provider is not valid. Tell your administrator."""

    code = "invalid_provider"

    def __init__(self, reason: str) -> None:
        super().__init__()
        #: For the audit log, and for Administrators who test the provider. Quotes nothing that the provider sent.
        self.reason = reason


class ProviderUnavailable(ProviderError):
    """The identity provider is not responding. Try again in a minute."""

    code = "provider_unavailable"
    retryable = True


class SignInRefused(ProviderError):
    """The provider knows this person, but the person can't sign in. The message says why."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(reason)
        self.message = message


class ProviderNotFound(DomainError):
    """No such identity provider."""

    code = "provider_not_found"
