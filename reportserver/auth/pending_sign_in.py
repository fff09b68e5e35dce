"""A sign-in on the pages whose password was right and whose code is still missing, in the browser's session."""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest

from accounts.models import User
from jobs.sql import now
from reportserver.auth.audit_entries import Channel
from reportserver.auth.authentication import account_state

_KEY = "pending_sign_in"
_SECONDS = 300


class Pending(NamedTuple):
    """Who signs in, where to go then, and through which channel."""

    user: User
    url: str
    channel: Channel


def begin(request: HttpRequest, user: User, url: str, channel: Channel) -> None:
    request.session[_KEY] = [user.pk, account_state(user), now().timestamp(), url, channel]


def pending(request: HttpRequest) -> Pending | None:
    """What was begun in the last minutes. None also if the password changed meanwhile, or the user was deactivated."""
    if _KEY not in request.session:
        return None
    user_id, state, began, url, channel = request.session[_KEY]
    user = User.objects.filter(pk=user_id, is_active=True).first()
    is_recent = abs(now().timestamp() - began) < _SECONDS
    return Pending(user, url, channel) if user and is_recent and account_state(user) == state else None


def forget(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
