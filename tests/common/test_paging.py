"""Pages of lists on the HTML pages."""

from __future__ import annotations

import pytest
from django.http import Http404, HttpRequest
from django.test import RequestFactory

from accounts.models import Tenant
from common.paging import PAGE_SIZE, Page, paginate


def get(query: str = "") -> HttpRequest:
    return RequestFactory().get(f"/tenants{query}")


def page(query: str = "") -> Page:
    return paginate(get(query), Tenant.objects.all(), "-id")


@pytest.mark.django_db
def test_pages_link_to_their_neighbours() -> None:
    ids = [Tenant.objects.create(slug=f"t{number}").pk for number in range(2 * PAGE_SIZE + 1)]
    first = page()
    assert ([tenant.pk for tenant in first.rows], first.newer) == (ids[::-1][:PAGE_SIZE], "")
    second = page(first.older)
    third = page(second.older)
    assert ([tenant.pk for tenant in third.rows], third.older) == (ids[:1], "")
    assert page(second.newer).rows == first.rows
    assert [row.pk for rows in (first, second, third) for row in rows.rows] == ids[::-1]


@pytest.mark.django_db
def test_filters_stay_in_the_links() -> None:
    for number in range(PAGE_SIZE + 1):
        Tenant.objects.create(slug=f"t{number}")
    assert "q=x" in page("?q=x").older


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "%ff", "cD1ub3doZXJl", "W10=", "W2ZhbHNlLFtdXQ==", "W2ZhbHNlLFsieCJdXQ==", "W2ZhbHNlLFsiXHUwMDAwIl1d"],
)
def test_an_invalid_cursor_is_not_found(cursor: str) -> None:
    with pytest.raises(Http404):
        page(f"?cursor={cursor}")


@pytest.mark.django_db
@pytest.mark.parametrize("ordering", [("-name", "-id"), ("name", "id"), ("-name", "id")], ids=" ".join)
def test_rows_that_are_added_between_two_pages_move_no_other(
    ordering: tuple[str, ...],
) -> None:
    """All have the same name, and the added ones come first or last."""
    first_ids = list(range(1_000_010, 1_000_010 + 3 * PAGE_SIZE + 1))
    Tenant.objects.bulk_create(Tenant(pk=number, slug=f"t{number}", name="One name") for number in first_ids)
    added = iter([1_000_005, 1_000_900, 1_000_004, 1_000_901])
    pages, query = [], ""
    while query or not pages:
        pages.append(paginate(get(query), Tenant.objects.all(), *ordering))
        number = next(added, 0)
        if number:
            Tenant.objects.create(pk=number, slug=f"t{number}", name="One name")
        query = pages[-1].older
    seen = [tenant.pk for page in pages for tenant in page.rows]
    assert len(seen) == len(set(seen)), "a row twice"
    assert set(first_ids) <= set(seen), "a row was left out"
    back = paginate(get(pages[-1].newer), Tenant.objects.all(), *ordering)
    assert [tenant.pk for tenant in back.rows] == [tenant.pk for tenant in pages[-2].rows]
