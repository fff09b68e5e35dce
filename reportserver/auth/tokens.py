"""API sessions: sign-in, rotation and revocation. Access tokens are short-lived JWTs; refresh tokens rotate.

simplejwt's own blacklist stores refresh tokens in clear and lets two parallel refreshes both succeed. So each sign-in
is a RefreshSession row here, and a rotation is one compare-and-set on the digest of its current token.
"""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.http import HttpRequest
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.models import RefreshSession, User
from audit.models import Action
from jobs.clock import Now, from_now
from reportserver.auth.audit_entries import record_session, session_origin
from reportserver.auth.authentication import (
    SESSION_CLAIM,
    STATE_CLAIM,
    BearerAuthentication,
    account_state,
    session_id,
    user_id,
)

_REFUSED = "The token is invalid, expired, revoked or was used already. Sign in again."


def sign_in(user: User, request: HttpRequest) -> dict[str, str]:
    """Start a session and return its first pair of tokens."""
    session = RefreshSession(user=user, created_at=Now(), **session_origin(request))
    refresh = _new_refresh_token(session)
    with transaction.atomic():
        session.save(force_insert=True)
        record_session(Action.SIGN_IN, user, request, "API")
    return _pair(refresh)


def rotate(presented: str, request: HttpRequest) -> dict[str, str]:
    """Exchange a refresh token for a new pair. Raises InvalidToken.

    A token that was used before ends its session, since it may have been stolen.
    """
    old = _parse(presented)
    session = _get_session(old)
    new = _new_refresh_token(session)
    current = RefreshSession.objects.filter(pk=session.pk, revoked_at=None, digest=_digest(old, session.user))
    if not current.update(digest=session.digest, expires_at=session.expires_at):
        with transaction.atomic():
            if RefreshSession.objects.filter(pk=session.pk, revoked_at=None).update(revoked_at=Now()):
                record_session(Action.TOKEN_REUSED, session.user, request, "API")
        raise InvalidToken(_REFUSED)
    return _pair(new)


def revoke(presented: str, request: HttpRequest) -> None:
    """End the session of a refresh token. Raises InvalidToken."""
    token = _parse(presented)
    session = _get_session(token)
    user = session.user
    with transaction.atomic():
        current = RefreshSession.objects.filter(pk=session.pk, revoked_at=None, digest=_digest(token, user))
        if not current.update(revoked_at=Now()):
            raise InvalidToken(_REFUSED)
        record_session(Action.SIGN_OUT, user, request, "API")


def verify(presented: str) -> None:
    """Raise InvalidToken unless this is an access or refresh token that would be accepted now."""
    try:
        BearerAuthentication().get_user(AccessToken(presented))  # type: ignore[arg-type]
    except TokenError:
        token = _parse(presented)
        session = _get_session(token)
        if session.digest != _digest(token, session.user):
            raise InvalidToken(_REFUSED) from None


def _new_refresh_token(session: RefreshSession) -> RefreshToken:
    """A token of this session, whose fields are set to it but not saved."""
    token = RefreshToken.for_user(session.user)
    # The access tokens that are made of it have the same claims.
    token[SESSION_CLAIM], token[STATE_CLAIM] = str(session.pk), account_state(session.user)
    session.digest = _digest(token, session.user)
    session.expires_at = from_now(api_settings.REFRESH_TOKEN_LIFETIME.total_seconds())
    return token


def _parse(presented: str) -> RefreshToken:
    try:
        return RefreshToken(presented)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken(_REFUSED) from error


def _get_session(token: Token) -> RefreshSession:
    """The session of a refresh token. Raises InvalidToken if it has ended, in whatever way but a token's second use."""
    sessions = RefreshSession.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    try:
        session = sessions.get(pk=session_id(token), user_id=user_id(token))
    except (RefreshSession.DoesNotExist, OverflowError) as error:
        raise InvalidToken(_REFUSED) from error
    # Earlier versions issued tokens without a state; the digest depends on it as well.
    if token.get(STATE_CLAIM, account_state(session.user)) != account_state(session.user):
        raise InvalidToken(_REFUSED)
    return session


def _digest(token: Token, user: User) -> str:
    """Digest of the token and of what the user's sessions depend on."""
    return hashlib.sha256(f"{token['jti']} {user.get_session_auth_hash()}".encode()).hexdigest()


def _pair(refresh: RefreshToken) -> dict[str, str]:
    return {"access": str(refresh.access_token), "refresh": str(refresh)}
