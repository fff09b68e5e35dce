"""Content negotiation that never refuses: the API speaks JSON, and a result is sent whatever was accepted."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class AlwaysJson(DefaultContentNegotiation):
    """DRF negotiates before the view runs, and would answer `Accept: application/pdf` for a result with 406."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
