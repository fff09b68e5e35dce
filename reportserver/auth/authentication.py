"""Authenticates API calls by their access token or API key."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token
from rest_framework_simplejwt.utils import aware_utcnow

from accounts.api.permissions import IsWithoutKey
from accounts.api_keys import PREFIX
from accounts.models import User
from common.ids import parse_uuid
from reportserver.auth import key_log

#: The token's session, and the state of its user when it was issued.
SESSION_CLAIM, STATE_CLAIM = "sid", "state"


class BearerAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token or API key>`, the scheme in any case (RFC 9110, section 11.1)."""

    def authenticate(self, request: Request) -> Any:
        header = self.get_header(request)
        raw_token = self.get_raw_token(header) if header else None
        if raw_token and raw_token.startswith(PREFIX.encode()):
            return _user_of_key(raw_token.decode("latin-1"), request), None
        return super().authenticate(request)

    def get_raw_token(self, header: bytes) -> bytes | None:
        scheme, _, rest = header.partition(b" ")
        return super().get_raw_token(b"Bearer " + rest) if scheme.lower() == b"bearer" else None

    def get_validated_token(self, raw_token: bytes) -> Token:
        try:
            token = _verified(raw_token)
            token.check_exp(current_time=aware_utcnow())
        except TokenError as error:
            raise InvalidToken("The access token is invalid or expired.") from error
        return token

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        """Return the user, read with the session in one query. Raises AuthenticationFailed if the session has ended."""
        user = User.objects.get_signed_in(user_id(validated_token), session_id(validated_token))
        if user is None or validated_token.get(STATE_CLAIM) != account_state(user):
            raise AuthenticationFailed("The session of this token has ended. Sign in again.")
        return user

    def user_of(self, authorization: bytes) -> User | None:
        """Return the user of a header without a request; None if `authenticate` refuses it, which says why."""
        try:
            raw_token = self.get_raw_token(authorization)
            if raw_token and not raw_token.startswith(PREFIX.encode()):
                return self.get_user(self.get_validated_token(raw_token))
        except AuthenticationFailed:
            return None
        if not raw_token:
            return None
        user, is_valid = User.objects.get_by_key(raw_token.decode("latin-1"))
        if user is None or user.key is None or not is_valid:
            return None
        key_log.used(user.key.id)
        return user

    def authenticate_header(self, request: Request) -> str:
        presented = request.META.get("HTTP_AUTHORIZATION")
        return 'Bearer realm="api", error="invalid_token"' if presented else 'Bearer realm="api"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """BearerAuthentication in the OpenAPI document: two schemes, of which a call needs one."""

    target_class = "reportserver.auth.authentication.BearerAuthentication"
    name = ["bearer", "apiKey"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        refuses_keys = any(isinstance(permission, IsWithoutKey) for permission in auto_schema.view.get_permissions())
        return [{name: []} for name in (self.name[:1] if refuses_keys else self.name)]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From POST /auth/token."}
        key = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "rsk_<id>_<secret>",
            "description": "From POST /keys. Limited by its rights and reports: 403 `key_scope` beyond them.",
        }
        return [token, key]


@lru_cache(maxsize=2_000)
def _verified(raw_token: bytes) -> AccessToken:
    """Check signature and claims, once per token. Its expiry and its session are checked with every call."""
    return AccessToken(raw_token)  # type: ignore[arg-type]


def _user_of_key(text: str, request: Request) -> User:
    """Return the user of the key, read in one query. Raises AuthenticationFailed, whatever is wrong with the key."""
    user, is_valid = User.objects.get_by_key(text)
    if user is None or user.key is None or not is_valid:
        key_log.refused(user, request.META.get("REMOTE_ADDR", ""))
        raise AuthenticationFailed("The API key is wrong, expired or revoked.")
    key_log.used(user.key.id)
    return user


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
