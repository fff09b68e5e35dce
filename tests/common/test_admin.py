"""The base classes of the admin's pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import Tenant, User
from common.admin import COUNT_LIMIT, BoundedPaginator, limit_to_tenant
from reports.models import DataSource


@pytest.fixture
def tenants(db: None) -> tuple[Tenant, Tenant]:
    first, second = (Tenant.objects.create(slug=slug) for slug in ("acme", "globex"))
    for tenant in (first, second):
        DataSource.objects.create(tenant=tenant, slug="x", kind="sqlite", location="/x.db")
    return first, second


def test_rows_are_limited_to_the_users_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.create_user("bob", tenant=tenants[0])
    assert list(limit_to_tenant(Tenant.objects.all(), request)) == [tenants[0]]
    assert [source.tenant for source in limit_to_tenant(DataSource.objects.all(), request)] == [tenants[0]]
    Group.objects.create(name="analysts")
    assert limit_to_tenant(Group.objects.all(), request).count() == 1, "roles have no tenant"
    request.user = User.objects.create_superuser("root")
    assert limit_to_tenant(Tenant.objects.all(), request).count() == 2


def test_counting_stops_at_the_limit(tenants: tuple[Tenant, Tenant]) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert BoundedPaginator(Tenant.objects.order_by("slug"), 1).count == 2
    assert f"LIMIT {COUNT_LIMIT}" in queries[0]["sql"]
