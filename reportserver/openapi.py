"""The OpenAPI document and its Swagger UI, for anyone signed in."""

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


class ReadingSession(SessionAuthentication):
    """The session of the pages, for calls that change nothing; to others it is no sign-in, whatever the CSRF token."""

    def authenticate(self, request: Request) -> Any:
        return super().authenticate(request) if request.method in SAFE_METHODS else None


# The document holds no data, so a browser that is signed in to the pages may read it too.
_READERS: dict[str, Any] = {
    "authentication_classes": [BearerAuthentication, ReadingSession],
    "permission_classes": [IsAuthenticated],
}

schema = SpectacularAPIView.as_view(content_negotiation_class=BestMatch, **_READERS)
_swagger = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html", **_READERS)


@csrf_exempt  # It takes no form; a POST is told what is wrong with it by the view.
def swagger(request: HttpRequest) -> HttpResponseBase:
    """The page. A browser that is not signed in is led to where that is done; a program gets its 401."""
    is_browser = "text/html" in request.headers.get("Accept", "") and "Authorization" not in request.headers
    if is_browser and request.method in SAFE_METHODS and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    answer: HttpResponseBase = _swagger(request)
    return answer
