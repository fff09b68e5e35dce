"""Content negotiation that never refuses: the API speaks JSON, and a result is sent whatever was accepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AlwaysJson(DefaultContentNegotiation):
    """DRF negotiates before the view runs, and would answer `Accept: application/pdf` for a result with 406."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class BestOffer(DefaultContentNegotiation):
    """What `?format=` names, else what Accept wants most; the first one, if it wants none."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        offered, wanted = list(renderers), accepted(request.headers.get("Accept", ""))
        named = [one for one in offered if one.format == request.query_params.get("format")]
        best = max(named or offered, key=lambda one: quality(wanted, one.media_type))
        return best, best.media_type


def accepted(header: str) -> dict[str, float]:
    """The media ranges of an Accept header, in lower case, and how much each is wanted: 0 is not at all."""
    found = {}
    for one in header.lower().split(","):
        media_range, *parameters = (part.strip() for part in one.split(";"))
        found[media_range] = _weight(parameters)
    return found


def quality(wanted: dict[str, float], media_type: str) -> float:
    """How much a media type is wanted, by the most specific range that it is in (RFC 9110, section 12.5.1)."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((wanted[one] for one in ranges if one in wanted), 0.0)


def _weight(parameters: list[str]) -> float:
    for one in parameters:
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
