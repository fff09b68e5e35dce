"""Cursor pagination: stable while rows are added, and as fast on the last page as on the first."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param


class Cursor(NamedTuple):
    """The row next to a page, by its values of the fields that rows are sorted by, as texts.

    `is_backwards`: the page is before that row, not after it.
    """

    is_backwards: bool
    position: list[str]

    def encode(self) -> str:
        return urlsafe_b64encode(json.dumps([*self], separators=(",", ":")).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Raises ValueError."""
        match json.loads(urlsafe_b64decode(text.encode())):
            case [bool(is_backwards), [*position]] if all(isinstance(value, str) for value in position):
                return cls(is_backwards, position)
        raise ValueError("not a cursor")


class LinkedCursorPagination(CursorPagination):
    """Pages that begin after a row, with the neighbouring pages in a Link header too (RFC 8288). Views set `ordering`.

    DRF's own cursors have the first field of the ordering only, and count the rows that share its value: rows that are
    added meanwhile would move the others. The fields of `ordering` together must be unique, and never null.
    """

    page_size_query_param = "pageSize"
    max_page_size = 200
    _url = ""
    _next: Cursor | None = None
    _previous: Cursor | None = None
    base_url: str

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        ordering = self.get_ordering(request, queryset, view)
        # Built from the public URL, as status URLs are: clients choose the Host header, and a proxy may add a path.
        self._url = f"{settings.PUBLIC_URL}{request.get_full_path_info()}"
        try:
            text = request.query_params.get(self.cursor_query_param)
            cursor = Cursor.decode(text) if text else None
            return self._page(queryset, ordering, cursor, self.get_page_size(request) or self.max_page_size)
        except (DjangoValidationError, ValueError, OverflowError) as error:
            # A tampered cursor may decode to a position that is neither a time nor a number, or not decode at all.
            raise ValidationError({"cursor": ["This cursor is not valid for this list."]}) from error

    def _page(self, rows: QuerySet[Any], ordering: tuple[str, ...], cursor: Cursor | None, size: int) -> list[Any]:
        names = [name.lstrip("-") for name in ordering]
        is_backwards = cursor is not None and cursor.is_backwards
        order = [_reversed(name) for name in ordering] if is_backwards else list(ordering)
        rows = rows.order_by(*order)
        if cursor:
            rows = rows.filter(_after(rows, order, cursor.position))
        found = list(rows[: size + 1])
        page = found[:size][::-1] if is_backwards else found[:size]
        has_more = len(found) > size

        def beside(row: Any, is_backwards: bool) -> Cursor:
            return Cursor(is_backwards, [str(attrgetter(name)(row)) for name in names])

        if page and (is_backwards or has_more):
            self._next = beside(page[-1], False)
        if page and (has_more if is_backwards else cursor):
            self._previous = beside(page[0], True)
        return page

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        ordering = view.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def get_next_link(self) -> str | None:
        return self._link(self._next)

    def get_previous_link(self) -> str | None:
        return self._link(self._previous)

    def _link(self, cursor: Cursor | None) -> str | None:
        return replace_query_param(self._url, self.cursor_query_param, cursor.encode()) if cursor else None

    def get_paginated_response(self, data: Any) -> Response:
        following, previous = self.get_next_link(), self.get_previous_link()
        links = [f'<{url}>; rel="{rel}"' for url, rel in ((following, "next"), (previous, "prev")) if url]
        headers = {"Link": ", ".join(links)} if links else {}
        return Response({"results": data, "next": following, "previous": previous}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"results": schema, "next": link, "previous": link}
        return {"type": "object", "required": list(properties), "properties": properties}


def _reversed(field: str) -> str:
    return field.removeprefix("-") if field.startswith("-") else f"-{field}"


def _after(rows: QuerySet[Any], order: list[str], position: list[str]) -> Q:
    """Return the condition that a row comes after this position."""
    values = {}
    for field, text in zip(order, position, strict=True):
        if "\0" in text:  # no database compares with it
            raise ValueError("not a position")
        name = field.lstrip("-")
        values[name] = rows.model._meta.get_field(name).to_python(text)
    condition, equal = Q(), Q()
    for field in order:
        name = field.lstrip("-")
        comparison = "lt" if field.startswith("-") else "gt"
        condition |= equal & Q(**{f"{name}__{comparison}": values[name]})
        equal &= Q(**{name: values[name]})
    # An index answers this, but not the alternatives.
    first = order[0].lstrip("-")
    return Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": values[first]}) & condition
