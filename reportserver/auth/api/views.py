"""The token calls."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from common.api.schema import errors
from reportserver.auth import second_factor, tokens
from reportserver.auth.api.serializers import CredentialsSerializer, PairSerializer, RefreshSerializer, TokenSerializer
from reportserver.auth.credentials import check_code, check_credentials
from reportserver.auth.exceptions import CodeRequired, SecondFactorRequired, TooManyFailures


class PublicView(APIView):
    """A call without an access token. Refused credentials are still answered with 401 and a challenge."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        # DRF sets the header only for views with authentication classes.
        if response.status_code == status.HTTP_401_UNAUTHORIZED:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        return response

    def parse_body(self, serializer: type[serializers.Serializer[Any]]) -> Any:
        """Return the validated body. Raises ValidationError."""
        parsed = serializer(data=self.request.data)
        parsed.is_valid(raise_exception=True)
        return parsed.validated_data


class SignIn(PublicView):
    """Exchange a user name and password for tokens. Repeated failures are answered with 429 for a while."""

    @extend_schema(request=CredentialsSerializer, responses={200: PairSerializer, **errors(400, 401, 413, 415, 429)})
    def post(self, request: Request) -> Response:
        credentials = self.parse_body(CredentialsSerializer)
        try:
            user = self._check(request, **credentials)
        except TooManyFailures as error:
            request._request.rate_usage = error.usage  # type: ignore[attr-defined] # for the RateLimit headers
            raise Throttled(error.usage.resets_in, "Too many failed sign-ins.") from error
        return Response(tokens.sign_in(user, request._request))

    def _check(self, request: Request, username: str, password: str, otp: str) -> User:
        """The user with these credentials. Raises AuthenticationFailed, CodeRequired and SecondFactorRequired."""
        user = check_credentials(request._request, username, password, channel="API")
        if user is None:
            raise AuthenticationFailed("The user name or the password is wrong.")
        if not second_factor.has_factor(user):
            if second_factor.is_missing(user):
                raise SecondFactorRequired
        elif not otp:
            raise CodeRequired
        elif not check_code(request._request, user, otp, channel="API"):
            raise AuthenticationFailed("The code is wrong or was used already.")
        return user


class Refresh(PublicView):
    """Exchange a refresh token for a new pair. The old refresh token is no longer valid."""

    @extend_schema(request=RefreshSerializer, responses={200: PairSerializer, **errors(400, 401, 413, 415)})
    def post(self, request: Request) -> Response:
        return Response(tokens.rotate(self.parse_body(RefreshSerializer)["refresh"], request._request))


class Verify(PublicView):
    """Check whether a token would be accepted now."""

    @extend_schema(
        request=TokenSerializer,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, description="The token is valid."),
            **errors(400, 401, 413, 415),
        },
    )
    def post(self, request: Request) -> Response:
        tokens.verify(self.parse_body(TokenSerializer)["token"])
        return Response({})


class Revoke(PublicView):
    """Sign out: end the session that a refresh token belongs to."""

    @extend_schema(request=RefreshSerializer, responses={204: None, **errors(400, 401, 413, 415)})
    def post(self, request: Request) -> Response:
        tokens.revoke(self.parse_body(RefreshSerializer)["refresh"], request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)
