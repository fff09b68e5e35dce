"""The token calls."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from common.api.schema import errors
from common.throttling import Attempt, attempt
from reportserver.auth import tokens
from reportserver.auth.api.serializers import CredentialsSerializer, PairSerializer, RefreshSerializer, TokenSerializer


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

    @extend_schema(request=CredentialsSerializer, responses={200: PairSerializer, **errors(400, 401, 413, 415, 429)})
    def post(self, request: Request) -> Response:
        credentials = self.body(CredentialsSerializer)
        one = self._begun(f"{credentials['username'].lower()}@{request.META.get('REMOTE_ADDR')}")
        user = authenticate(request._request, **credentials)
        if not isinstance(user, User):
            one.failed()
            raise AuthenticationFailed("The user name or the password is wrong.")
        one.not_failed()
        return Response(tokens.sign_in(user))

    def _begun(self, caller: str) -> Attempt:
        """Raises Throttled when this name failed to sign in from this address too often in the last minute."""
        one = attempt("sign_in", caller)
        if one.refused:
            self.request._request.rate_count = one.counted  # type: ignore[attr-defined] # for the headers
            raise Throttled(one.counted.resets_in, "Too many failed sign-ins.")
        return one


class Refresh(PublicView):
    """Exchange a refresh token for a new pair; the old one is worth nothing afterwards."""

    @extend_schema(request=RefreshSerializer, responses={200: PairSerializer, **errors(400, 401, 413, 415)})
    def post(self, request: Request) -> Response:
        return Response(tokens.rotate(self.body(RefreshSerializer)["refresh"]))


class Verify(PublicView):
    """Say whether a token would be accepted now."""

    @extend_schema(
        request=TokenSerializer,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, description="It would."), **errors(400, 401, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        tokens.verify(self.body(TokenSerializer)["token"])
        return Response({})


class Revoke(PublicView):
    """Sign out: end the session that a refresh token belongs to."""

    @extend_schema(request=RefreshSerializer, responses={204: None, **errors(400, 401, 413, 415)})
    def post(self, request: Request) -> Response:
        tokens.revoke(self.body(RefreshSerializer)["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)
