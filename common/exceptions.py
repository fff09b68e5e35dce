"""The base class of every error whose message people read."""

from __future__ import annotations

import inspect


class DomainError(Exception):
    """The request could not be carried out."""

    # The docstring of a subclass is its default message.

    #: Stable, snake_case; clients branch on it.
    code = "error"
    #: True if the same request may succeed later although nobody changed anything.
    retryable = False

    def __init__(self, message: str | None = None, **details: object) -> None:
        self.message = message or inspect.getdoc(type(self)) or self.code
        #: Added to the error body, except `driver`: a driver's own message is for Administrators.
        self.details = details
        super().__init__(self.message)
