"""API tokens: sign-in, rotation, revocation. Access tokens are short-lived JWTs; refresh tokens rotate.

simplejwt's own blacklist keeps refresh tokens in clear and lets two parallel refreshes both win, so a sign-in is a
RefreshSession row here, and a rotation one compare-and-set on the digest of the token that is good now.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.api import schema
from accounts.models import RefreshSession, User
from audit import actions as audit
from audit.models import Action

from reportserver.throttling import count

SESSION_CLAIM = "sid"
_REFUSED = "The token is invalid, expired, revoked or was used already. Sign in again."


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

    def get_user(self, validated_token: Token) -> User:
        user = User.objects.with_roles().filter(pk=_user_id(validated_token), is_active=True).first()
        if user is None:
            raise AuthenticationFailed("The user of this token is gone or inactive.")
        return user

    def authenticate_header(self, request: Request) -> str:
        presented = request.META.get("HTTP_AUTHORIZATION")
        return 'Bearer realm="api", error="invalid_token"' if presented else 'Bearer realm="api"'


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names BearerAuthentication."""

    target_class = "reportserver.tokens.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


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
    current = RefreshSession.objects.filter(pk=session.pk, revoked_at=None, digest=_digest(old))
    if not current.update(digest=session.digest, expires_at=session.expires_at):
        RefreshSession.objects.filter(pk=session.pk).update(revoked_at=timezone.now())
        raise InvalidToken(_REFUSED)
    return _pair(renewed)


def revoke(presented: str) -> None:
    """End the session of a refresh token. InvalidToken if it is not the one that is good now."""
    token = _parsed(presented)
    session = _session(token)
    with transaction.atomic():
        current = RefreshSession.objects.filter(pk=session.pk, revoked_at=None, digest=_digest(token))
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
        if _session(token).digest != _digest(token):
            raise InvalidToken(_REFUSED) from None


def _refresh_token(session: RefreshSession) -> RefreshToken:
    token = RefreshToken.for_user(session.user)
    token[SESSION_CLAIM] = str(session.pk)
    session.digest = _digest(token)
    session.expires_at = timezone.now() + settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    return token


def _parsed(presented: str) -> RefreshToken:
    try:
        return RefreshToken(presented)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken(_REFUSED) from error


def _session(token: Token) -> RefreshSession:
    sessions = RefreshSession.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    try:
        return sessions.get(pk=token.get(SESSION_CLAIM), user_id=_user_id(token))
    except (RefreshSession.DoesNotExist, ValueError, TypeError) as error:
        raise InvalidToken(_REFUSED) from error


def _user_id(token: Token) -> int:
    try:
        return int(token["user_id"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidToken(_REFUSED) from error


def _digest(token: Token) -> str:
    return hashlib.sha256(str(token["jti"]).encode()).hexdigest()


def _pair(refresh: RefreshToken) -> dict[str, str]:
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


# --- Calls ------------------------------------------------------------------------------------------------------------


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=2000)


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=2000)


class PairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class PublicView(APIView):
    """A call that needs no access token; a missing right to it is still told as 401 with a challenge."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.status_code == status.HTTP_401_UNAUTHORIZED:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        return response

    def body(self, serializer: type[serializers.Serializer[Any]]) -> Any:
        """The checked body, or a ValidationError."""
        parsed = serializer(data=self.request.data)
        parsed.is_valid(raise_exception=True)
        return parsed.validated_data


class SignIn(PublicView):
    """Exchange a user name and password for tokens. Repeated failures are answered with 429 for a while."""

    @extend_schema(request=CredentialsSerializer, responses={200: PairSerializer, **schema.errors(400, 401, 429)})
    def post(self, request: Request) -> Response:
        credentials = self.body(CredentialsSerializer)
        caller = f"{credentials['username'].lower()}@{request.META.get('REMOTE_ADDR')}"
        refuse_if_exceeded(caller)
        user = authenticate(request._request, **credentials)
        if not isinstance(user, User):
            count("sign_in", caller)
            raise AuthenticationFailed("The user name or the password is wrong.")
        return Response(sign_in(user))


def refuse_if_exceeded(caller: str) -> None:
    """Raise Throttled when this name failed to sign in from this address too often in the last minute."""
    failures = count("sign_in", caller, amount=0)
    if failures.used >= failures.limit:
        raise Throttled(failures.resets_in, "Too many failed sign-ins.")


class Refresh(PublicView):
    """Exchange a refresh token for a new pair; the old one is worth nothing afterwards."""

    @extend_schema(request=RefreshSerializer, responses={200: PairSerializer, **schema.errors(400, 401)})
    def post(self, request: Request) -> Response:
        return Response(rotate(self.body(RefreshSerializer)["refresh"]))


class Verify(PublicView):
    """Say whether a token would be accepted now."""

    @extend_schema(request=TokenSerializer, responses={200: OpenApiResponse(), **schema.errors(400, 401)})
    def post(self, request: Request) -> Response:
        verify(self.body(TokenSerializer)["token"])
        return Response({})


class Revoke(PublicView):
    """Sign out: end the session that a refresh token belongs to."""

    @extend_schema(request=RefreshSerializer, responses={204: None, **schema.errors(400, 401)})
    def post(self, request: Request) -> Response:
        revoke(self.body(RefreshSerializer)["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)
