"""Authenticates API calls by their access token."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts.models import User
from common.ids import parse_uuid

#: The token's session, and the state of its user when it was issued.
SESSION_CLAIM, STATE_CLAIM = "sid", "state"


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`, the scheme in any case (RFC 9110, section 11.1)."""

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, _, rest = header.partition(b" ")
        return super().get_raw_token(b"Bearer " + rest) if scheme.lower() == b"bearer" else None

    def get_validated_token(self, raw_token: bytes) -> Token:
        try:
            return AccessToken(raw_token)  # type: ignore[arg-type]
        except TokenError as error:
            raise InvalidToken("The access token is invalid or expired.") from error

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        """Return the user, read with the session in one query. Raises AuthenticationFailed if the session has ended."""
        user = User.objects.get_signed_in(user_id(validated_token), session_id(validated_token))
        if user is None or validated_token.get(STATE_CLAIM) != account_state(user):
            raise AuthenticationFailed("The session of this token has ended. Sign in again.")
        return user

    def authenticate_header(self, request: Request) -> str:
        presented = request.META.get("HTTP_AUTHORIZATION")
        return 'Bearer realm="api", error="invalid_token"' if presented else 'Bearer realm="api"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """BearerAuthentication in the OpenAPI document."""

    target_class = "reportserver.auth.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def account_state(user: User) -> str:
    """Changes when the password changes and when the user is deactivated: tokens with another state are refused."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:32]


def session_id(token: Token) -> UUID:
    """The id of the token's session. Raises InvalidToken if the token has none."""
    session = parse_uuid(str(token.get(SESSION_CLAIM)))
    if session is None:
        raise InvalidToken("The token has no session.")
    return session


def user_id(token: Token) -> int:
    """The id of the token's user. Raises InvalidToken if the token has none."""
    try:
        return int(token["user_id"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidToken("The token names no user.") from error
