"""Checks a user name and password, for the sign-in page and the API alike, and limits failures."""

from __future__ import annotations

import time

from django.contrib import auth
from django.http import HttpRequest

from accounts.models import User
from common.throttling import Usage, count_call

_SCOPE = "sign_in"
#: How long a sign-in waits for others that are being checked, and the time between its checks.
_MAX_WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.05


class TooManyFailures(Exception):
    """This name failed to sign in from this address too often in the last minute."""

    def __init__(self, usage: Usage) -> None:
        super().__init__(usage)
        self.usage = usage


def check_credentials(request: HttpRequest, username: str, password: str) -> User | None:
    """Return the user if name and password are right, else None. Raises TooManyFailures without checking them."""
    caller = f"{username.strip().lower()}@{request.META.get('REMOTE_ADDR')}"
    failures = f"failures of {caller}"
    # Counted before the password check, so concurrent guesses can't exceed the limit. A success is taken back.
    usage = count_call(_SCOPE, caller, stop_at_limit=True)
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    while usage.exceeded:
        # The limit may be taken up by checks that are still running. Any of them may succeed, so wait: many correct
        # sign-ins at the same time must all get through.
        failed = count_call(_SCOPE, failures, amount=0).used
        if failed >= usage.limit or time.monotonic() > deadline:
            raise TooManyFailures(usage)
        time.sleep(_POLL_SECONDS)
        usage = count_call(_SCOPE, caller, stop_at_limit=True)
    user = auth.authenticate(request, username=username, password=password)
    if isinstance(user, User):
        usage.undo()
        return user
    count_call(_SCOPE, failures)
    return None
