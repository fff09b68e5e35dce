"""Content negotiation that never answers 406.

Accept headers are read here rather than with Django's `request.accepts` and `get_preferred_type`, which are unfit for
an API: they match `*/*` to a type that the header excludes with `q=0`, don't match `application/json; charset=utf-8` to
`application/json`, and raise ValueError for a parameter such as `q*=x'y'z`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AlwaysJson(DefaultContentNegotiation):
    """Takes the view's first renderer, whatever the client accepts.

    DRF negotiates before the view runs and would answer 406 to `Accept: application/pdf`, also for a PDF result.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class BestMatch(DefaultContentNegotiation):
    """Takes the renderer that `?format=` names, else the one that the client prefers, else the view's first."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        offered = list(renderers)
        named = [renderer for renderer in offered if renderer.format == request.query_params.get("format")]
        accepted = parse_accept(request.headers.get("Accept", ""))
        best = max(named or offered, key=lambda renderer: quality(accepted, renderer.media_type))
        return best, best.media_type


def parse_accept(header: str) -> dict[str, float]:
    """The quality of each media range of an Accept header, ranges in lower case. 0 means not acceptable."""
    qualities = {}
    for item in header.lower().split(","):
        media_range, *parameters = (part.strip() for part in item.split(";"))
        qualities[media_range] = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    qualities[media_range] = float(value)
                except ValueError:
                    qualities[media_range] = 0.0
                break
    return qualities


def quality(accepted: dict[str, float], media_type: str) -> float:
    """The quality of a media type: that of the most specific range it is in (RFC 9110, section 12.5.1)."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((accepted[media_range] for media_range in ranges if media_range in accepted), 0.0)
