"""Cursor pagination: stable while rows are added, and as fast on the last page as on the first."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response


class LinkedCursorPagination(CursorPagination):
    """DRF's cursors, with the neighbouring pages in a Link header too (RFC 8288). Views set `ordering`."""

    page_size_query_param = "pageSize"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> Any:
        try:
            page: Any = super().paginate_queryset(queryset, request, view)
        except (NotFound, DjangoValidationError, ValueError, OverflowError) as error:
            # A tampered cursor may decode to a position that is neither a time nor a number, or not decode at all.
            raise ValidationError({"cursor": ["This cursor is not valid for this list."]}) from error
        # Built from the public URL, as status URLs are: clients choose the Host header, and a proxy may add a path.
        self.base_url = f"{settings.PUBLIC_URL}{request.get_full_path_info()}"
        return page

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        ordering = view.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def get_paginated_response(self, data: Any) -> Response:
        following, previous = self.get_next_link(), self.get_previous_link()
        links = [f'<{url}>; rel="{rel}"' for url, rel in ((following, "next"), (previous, "prev")) if url]
        headers = {"Link": ", ".join(links)} if links else {}
        return Response({"results": data, "next": following, "previous": previous}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"results": schema, "next": link, "previous": link}
        return {"type": "object", "required": list(properties), "properties": properties}
