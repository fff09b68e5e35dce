"""The OpenAPI document and its Swagger UI, for all signed-in users."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request

from common.api.negotiation import BestMatch
from reportserver.auth.authentication import BearerAuthentication


class ReadOnlySession(SessionAuthentication):
    """Accepts the session of the pages for safe methods only, so no CSRF token is needed."""

    def authenticate(self, request: Request) -> Any:
        return super().authenticate(request) if request.method in SAFE_METHODS else None


# The document contains no data, so a browser that is signed in to the pages may read it without a token.
_ACCESS: dict[str, Any] = {
    "authentication_classes": [BearerAuthentication, ReadOnlySession],
    "permission_classes": [IsAuthenticated],
}

schema = SpectacularAPIView.as_view(content_negotiation_class=BestMatch, **_ACCESS)
_swagger = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html", **_ACCESS)


@csrf_exempt  # It takes no form; the view itself answers a POST with 401 or 405.
def swagger(request: HttpRequest) -> HttpResponseBase:
    """The Swagger UI. Without a sign-in, a browser is redirected to the sign-in page; a program gets 401."""
    is_browser = "text/html" in request.headers.get("Accept", "") and "Authorization" not in request.headers
    if is_browser and request.method in SAFE_METHODS and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    response: HttpResponseBase = _swagger(request)
    return response
