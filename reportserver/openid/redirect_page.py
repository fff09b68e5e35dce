"""A page that sends the browser on to an identity provider."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def to_provider(request: HttpRequest, url: str, title: str) -> HttpResponse:
    """The page. A redirect wouldn't do: browsers apply `form-action` to where the answer to a form redirects."""
    return render(request, "to_provider.html", {"url": url, "title": title})
