"""Who may read the metrics, and what a readiness probe found."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest


def has_metrics_token(request: HttpRequest) -> bool:
    """True if the caller sent REPORTSERVER_METRICS_TOKEN as a bearer token. Without the setting, nobody can."""
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    expected: str = settings.METRICS_TOKEN
    is_right = hmac.compare_digest(sent.strip().encode("utf-8", "replace"), expected.encode())
    return bool(expected) and scheme.lower() == "bearer" and is_right
