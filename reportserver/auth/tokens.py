"""API sessions: sign-in, rotation, revocation. Access tokens are short-lived JWTs; refresh tokens rotate.

simplejwt's own blacklist keeps refresh tokens in clear and lets two parallel refreshes both win, so a sign-in is a
RefreshSession row here, and a rotation one compare-and-set on the digest of the token that is good now.
"""

from __future__ import annotations

import hashlib

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.models import RefreshSession, User
from audit import actions as audit
from audit.models import Action
from reportserver.auth.authentication import BearerAuthentication, user_id

SESSION_CLAIM = "sid"
_REFUSED = "The token is invalid, expired, revoked or was used already. Sign in again."


def sign_in(user: User) -> dict[str, str]:
    """Begin a session and return its first pair of tokens."""
    session = RefreshSession(user=user)
    refresh = _refresh_token(session)
    with transaction.atomic():
        session.save(force_insert=True)
        audit.record(Action.SIGN_IN, actor=user, tenant_id=user.tenant_id, target=("user", user.pk))
    return _pair(refresh)


def rotate(presented: str) -> dict[str, str]:
    """Exchange a refresh token for a new pair. One that was used already ends its session: it may be stolen."""
    old = _parsed(presented)
    session = _session(old)
    renewed = _refresh_token(session)
    current = RefreshSession.objects.filter(pk=session.pk, revoked_at=None, digest=_digest(old, session.user))
    if not current.update(digest=session.digest, expires_at=session.expires_at):
        RefreshSession.objects.filter(pk=session.pk).update(revoked_at=timezone.now())
        raise InvalidToken(_REFUSED)
    return _pair(renewed)


def revoke(presented: str) -> None:
    """End the session of a refresh token. InvalidToken if it is not the one that is good now."""
    token = _parsed(presented)
    session = _session(token)
    with transaction.atomic():
        current = RefreshSession.objects.filter(pk=session.pk, revoked_at=None, digest=_digest(token, session.user))
        if not current.update(revoked_at=timezone.now()):
            raise InvalidToken(_REFUSED)
        user = session.user
        audit.record(Action.SIGN_OUT, actor=user, tenant_id=user.tenant_id, target=("user", user.pk))


def verify(presented: str) -> None:
    """Raise InvalidToken unless this is an access or refresh token that would be accepted now."""
    try:
        BearerAuthentication().get_user(AccessToken(presented))  # type: ignore[arg-type]
    except TokenError:
        token = _parsed(presented)
        session = _session(token)
        if session.digest != _digest(token, session.user):
            raise InvalidToken(_REFUSED) from None


def _refresh_token(session: RefreshSession) -> RefreshToken:
    token = RefreshToken.for_user(session.user)
    token[SESSION_CLAIM] = str(session.pk)
    session.digest = _digest(token, session.user)
    session.expires_at = timezone.now() + api_settings.REFRESH_TOKEN_LIFETIME
    return token


def _parsed(presented: str) -> RefreshToken:
    try:
        return RefreshToken(presented)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken(_REFUSED) from error


def _session(token: Token) -> RefreshSession:
    sessions = RefreshSession.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    try:
        return sessions.get(pk=token.get(SESSION_CLAIM), user_id=user_id(token))
    except (RefreshSession.DoesNotExist, ValidationError, OverflowError, ValueError, TypeError) as error:
        raise InvalidToken(_REFUSED) from error


def _digest(token: Token, user: User) -> str:
    """Of the token and of the user's password as it is stored: a changed password ends every session."""
    return hashlib.sha256(f"{token['jti']} {user.get_session_auth_hash()}".encode()).hexdigest()


def _pair(refresh: RefreshToken) -> dict[str, str]:
    return {"access": str(refresh.access_token), "refresh": str(refresh)}
