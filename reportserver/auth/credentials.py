"""Checks a user name and password, and codes of second factors, for the pages and the API alike, and limits failures.

Failures count for the identity that is authenticated, however its name is written, and for the address they come from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest

from accounts.models import IdentityProvider, User
from accounts.names import comparable
from audit.models import Action
from common.throttling import StoredUsage, count_in_database
from reportserver.auth import second_factor
from reportserver.auth.audit_entries import (
    Channel,
    Failed,
    FailedProviderSignIn,
    FailedSignIn,
    origin,
    record_locked_address,
)
from reportserver.auth.exceptions import TooManyFailures, TooManySignIns
from reportserver.openid.exceptions import ProviderError, ProviderUnavailable
from reportserver.web.client_address import counted_network

Completed = TypeVar("Completed")

#: How long a sign-in waits for others that are being checked, and the time between its checks.
_MAX_WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.05

#: Each sign-in occupies a thread while it waits. Some threads are left for other calls.
_places = threading.BoundedSemaphore(max(1, settings.WEB_THREADS * 3 // 4))


def check_credentials(request: HttpRequest, username: str, password: str, *, channel: Channel) -> User | None:
    """Return the user if name and password are right, else None, which the audit log will contain.

    Raises TooManyFailures without checking them, or TooManySignIns if this process or host has too many to check.
    """
    if not _places.acquire(blocking=False):
        raise TooManySignIns
    try:
        return _check(request, User.normalize_username(username).strip(), password, channel)
    finally:
        _places.release()


def check_code(request: HttpRequest, user: User, code: str, *, channel: Channel) -> bool:
    """Whether this is a code of the user's second factor, which it uses up. The audit log will contain a wrong one.

    Raises TooManyFailures without checking it.
    """
    address = counted_network(request.META.get("REMOTE_ADDR", ""))
    # From all addresses together: the password was right, and only six digits are left to guess.
    limits = {"sign_in": f"code of {user.pk}", "sign_in_address": address}
    return _limited(
        request, limits, user.username, channel, lambda: second_factor.use_code(request, user, code, channel)
    )


def check_provider(
    request: HttpRequest, provider: IdentityProvider, complete: Callable[[], Completed], *, channel: Channel
) -> Completed:
    """Return what `complete` returns, which asks the provider who signs in there.

    A ProviderError that it raises is audited and, except for an outage, counts against the caller's network.
    Raises TooManyFailures without calling it.
    """
    # Apart from passwords: a provider that is set up wrongly must not lock out who can mend it.
    limits = {"sign_in_provider": counted_network(request.META.get("REMOTE_ADDR", ""))}
    usages = _reserve(limits)
    try:
        completed = complete()
    except ProviderError as error:
        attempt = FailedProviderSignIn(provider, error.reason, origin(request, channel))
        if isinstance(error, ProviderUnavailable):
            _undo(usages)
            attempt.record(Action.SIGN_IN_FAILED)
        else:
            _record_failure(request, limits, attempt, channel)
        raise
    except BaseException:
        _undo(usages)
        raise
    _undo(usages)
    return completed


def _check(request: HttpRequest, username: str, password: str, channel: Channel) -> User | None:
    address = counted_network(request.META.get("REMOTE_ADDR", ""))
    limits = {"sign_in": f"{comparable(username)}@{address}", "sign_in_address": address}
    found: list[User] = []

    def is_right() -> bool:
        user = auth.authenticate(request, username=username, password=password)
        # A service account has no password unless somebody gave it one in the admin.
        if isinstance(user, User) and not user.service:
            found.append(user)
        return bool(found)

    return found[0] if _limited(request, limits, username, channel, is_right) else None


def _limited(
    request: HttpRequest, limits: dict[str, str], username: str, channel: Channel, is_right: Callable[[], bool]
) -> bool:
    """Whether a secret is right, which is checked only within the limits. A wrong one is recorded."""
    # Counted before the check, so concurrent guesses can't exceed the limits. A success is taken back.
    usages = _reserve(limits)
    try:
        right = is_right()
    except BaseException:
        _undo(usages)
        raise
    if right:
        _undo(usages)
        return True
    _record_failure(request, limits, FailedSignIn(username, origin(request, channel)), channel)
    return False


def _record_failure(request: HttpRequest, limits: dict[str, str], attempt: Failed, channel: Channel) -> None:
    failures = {scope: count_in_database(scope, _failures_of(caller)) for scope, caller in limits.items()}
    attempt.record(Action.SIGN_IN_FAILED)
    if "sign_in" in failures and failures["sign_in"].used == failures["sign_in"].limit:
        attempt.record(Action.SIGN_IN_LOCKED)
    for scope in ("sign_in_address", "sign_in_provider"):
        if scope in failures and failures[scope].used == failures[scope].limit:
            record_locked_address(limits[scope], request, channel)


def _reserve(limits: dict[str, str]) -> list[StoredUsage]:
    """Count one sign-in for each of the limits, by scope. Raises TooManyFailures if one of them is used up."""
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    usages: list[StoredUsage] = []
    try:
        for scope, caller in limits.items():
            usages.append(_count(scope, caller, deadline))
    except BaseException:
        _undo(usages)
        raise
    return usages


def _count(scope: str, caller: str, deadline: float) -> StoredUsage:
    usage = count_in_database(scope, caller, stop_at_limit=True)
    while usage.exceeded:
        # The limit may be taken up by checks that are still running. Any of them may succeed, so wait: many correct
        # sign-ins at the same time must all get through.
        failed = count_in_database(scope, _failures_of(caller), amount=0).used
        if failed >= usage.limit or time.monotonic() > deadline:
            raise TooManyFailures(usage)
        time.sleep(_POLL_SECONDS)
        usage = count_in_database(scope, caller, stop_at_limit=True)
    return usage


def _failures_of(caller: str) -> str:
    return f"failures of {caller}"


def _undo(usages: list[StoredUsage]) -> None:
    for usage in usages:
        usage.undo()
