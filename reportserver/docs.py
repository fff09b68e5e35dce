"""The OpenAPI document and its Swagger UI, for anyone signed in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated

from reportserver.authentication import BearerAuthentication

# The document holds no data, so a browser that is signed in to the pages may read it too.
_READERS: dict[str, Any] = {
    "authentication_classes": [BearerAuthentication, SessionAuthentication],
    "permission_classes": [IsAuthenticated],
}

schema = SpectacularAPIView.as_view(**_READERS)
swagger = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html", **_READERS)
