"""Authenticates API calls by their access token."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts.models import User


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
        user = User.objects.get_active(user_id(validated_token))
        if user is None:
            raise AuthenticationFailed("The user of this token was deleted or deactivated.")
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


def user_id(token: Token) -> int:
    """The id of the token's user. Raises InvalidToken if the token has none."""
    try:
        return int(token["user_id"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidToken("The token names no user.") from error
