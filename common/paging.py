"""One page of a list, for the HTML pages: the same cursors as the API's."""

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

#: A page of a list must be light: fewer rows than in an answer of the API.
ROWS = 30


@dataclass(frozen=True)
class Page:
    """Some rows, and the query strings of their neighbours."""

    rows: list[Any]
    newer: str
    older: str


def paginate(request: HttpRequest, rows: QuerySet[Any], *ordering: str) -> Page:
    """The page that the query string's cursor names. Http404 when it names none."""
    paginator_class: Any = api_settings.DEFAULT_PAGINATION_CLASS
    paginator = paginator_class()
    paginator.page_size = ROWS
    try:
        found = paginator.paginate_queryset(rows, Request(request), SimpleNamespace(ordering=ordering))
    except (NotFound, ValidationError) as error:
        raise Http404("No such page.") from error
    return Page(found, _query(paginator.get_previous_link()), _query(paginator.get_next_link()))


def _query(link: str | None) -> str:
    return f"?{urlsplit(link).query}" if link else ""
