"""The base of every error that a person is meant to read, and the errors of this app."""

from __future__ import annotations

import inspect


class DomainError(Exception):
    """The request could not be carried out."""

    #: Stable, snake_case; clients branch on it. The class docstring is the default message.
    code = "error"
    #: Whether the same request may succeed later without anybody changing anything.
    retryable = False

    def __init__(self, message: str | None = None, **details: object) -> None:
        self.message = message or inspect.getdoc(type(self)) or self.code
        #: Further members for the error body. `driver` is kept out of it: what a driver said is for Administrators.
        self.details = details
        super().__init__(self.message)
