"""Cursor pagination of the HTML pages' lists, with the API's cursors."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings

#: Rows per page; fewer than the API's, because a row of HTML is heavier.
PAGE_SIZE = 30


@dataclass(frozen=True)
class Page:
    """The rows of one page, and the query strings of the pages next to it (empty if there is none)."""

    rows: list[Any]
    newer: str
    older: str


def paginate(request: HttpRequest, rows: QuerySet[Any], *ordering: str) -> Page:
    """Return the page that the query string's cursor points to. Raises Http404 for an invalid cursor."""
    paginator_class: Any = api_settings.DEFAULT_PAGINATION_CLASS
    paginator = paginator_class()
    paginator.page_size = PAGE_SIZE
    try:
        page = paginator.paginate_queryset(rows, Request(request), SimpleNamespace(ordering=ordering))
    except (NotFound, ValidationError) as error:
        raise Http404("No such page.") from error
    return Page(page, _query_string(paginator.get_previous_link()), _query_string(paginator.get_next_link()))


def _query_string(link: str | None) -> str:
    return f"?{urlsplit(link).query}" if link else ""
