"""A sign-in that waits for the provider, in a signed cookie: strangers begin many, and none takes a row."""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from accounts.models import IdentityProvider, User
from jobs.sql import now
from reportserver.auth.audit_entries import Channel
from reportserver.auth.authentication import account_state

_PREFIX, _PATH, _SALT = "openid-", "/login/", "reportserver.openid.pending"
_SECONDS = 600
#: Browsers drop a cookie of more than 4 KB.
MAX_URL = 1500
#: Each tab may have one; more would only make requests longer.
_MAX_COOKIES = 5


@dataclass(frozen=True)
class Pending:
    """What the browser that began is recognized by, and what it began."""

    provider: str
    began: float
    state: str
    nonce: str
    verifier: str
    #: Where to go then.
    url: str
    channel: Channel
    #: Who links an identity, and the state of that user. None for a sign-in.
    user: int | None = None
    user_state: str = ""


def new_pending(provider: IdentityProvider, url: str, channel: Channel, user: User | None = None) -> Pending:
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    linking: Any = (user.pk, account_state(user)) if user else (None, "")
    return Pending(str(provider.pk), now().timestamp(), state, nonce, verifier, url, channel, *linking)


def remember(request: HttpRequest, response: HttpResponse, pending: Pending) -> None:
    """Set the cookie by which this browser can complete what it began."""
    earlier = [name for name in request.COOKIES if name.startswith(_PREFIX)]
    for name in earlier if len(earlier) >= _MAX_COOKIES else ():
        response.delete_cookie(name, path=_PATH)
    response.set_cookie(
        _name(pending.state),
        signing.dumps(astuple(pending), salt=_SALT),
        max_age=_SECONDS,
        path=_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def recall(request: HttpRequest, provider: IdentityProvider) -> Pending | None:
    """What this browser began with the provider in the last minutes, by the `state` of the request; else None."""
    state = request.GET.get("state", "")
    try:
        pending = Pending(*signing.loads(request.COOKIES.get(_name(state), ""), salt=_SALT))
    except (signing.BadSignature, TypeError):
        return None
    is_recent = abs(now().timestamp() - pending.began) < _SECONDS
    return pending if pending.state == state and pending.provider == str(provider.pk) and is_recent else None


def forget(request: HttpRequest, response: HttpResponse) -> None:
    name = _name(request.GET.get("state", ""))
    if name in request.COOKIES:
        response.delete_cookie(name, path=_PATH)


def _name(state: str) -> str:
    return f"{_PREFIX}{state[:16]}"
