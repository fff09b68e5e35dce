"""The OpenAPI document and its Swagger UI, for anyone signed in."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated

from reportserver.authentication import BearerAuthentication

#: The document holds no data, so a browser that is signed in to the pages may read it too.
BearerOrSession: dict[str, Any] = {
    "authentication_classes": [BearerAuthentication, SessionAuthentication],
    "permission_classes": [IsAuthenticated],
}
