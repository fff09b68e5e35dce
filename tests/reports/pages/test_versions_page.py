"""The page of a report's versions: what each changed, how two differ, and restoring one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from audit.models import AuditLog
from reports import actions
from reports.definitions import parse_report
from reports.definitions.from_database import version_entry
from reports.models import DataSource, ReportConfiguration
from tests.pages.html import Element, Page
from tests.reports.deleted_sources import delete_source
from tests.reports.pages.edit_form import get_page

Browse = Callable[[str], Client]
FIRST = {
    "slug": "sales", "tenant": "acme", "name": "Sales", "data_source": "somewhere", "formats": ["csv"],
    "query": "select *\nfrom sale", "max_bytes": 5000, "csv": {"delimiter": ";"},
    "delivery": [{"kind": "email", "to": ["secret@example.com"]}],
}  # fmt: skip


@pytest.fixture
def created(people: dict[str, User]) -> ReportConfiguration:
    """A report with one version."""
    tenant = people["alice"].tenant
    DataSource.objects.create(tenant=tenant, slug="somewhere", kind="sqlite", location="/somewhere.db")
    return actions.create_report(definition=parse_report(FIRST), tenant=tenant, actor="first-one")  # type: ignore[arg-type]


@pytest.fixture
def changed(created: ReportConfiguration) -> ReportConfiguration:
    """With three versions."""
    second = {"query": "select *\nfrom <sale>\nwhere 1", "retention_days": 3}
    actions.patch_report(report=created, patch=second, actor="second-one")
    third = {"max_bytes": None, "csv": None, "delivery": None, "name": "New"}
    return actions.patch_report(report=created, patch=third, actor="third-one")


def versions_page(client: Client, query: str = "") -> Page:
    return get_page(client, f"/reports/sales/versions{query}")


def changed_fields(comparison: Element) -> dict[str, list[str]]:
    """The values before and after by field."""
    rows = comparison.get("table", "Changed fields").all("row")[1:]
    return {row.get("rowheader").text: [cell.text for cell in row.all("cell")] for row in rows}


def test_the_history_lists_authors_and_changed_fields(browse: Browse, changed: ReportConfiguration) -> None:
    page = versions_page(browse("alice"))
    third, second, first = (row.text for row in page.get("table", "Versions, newest first").all("row")[1:])
    assert "third-one" in third and "name, delivery, max bytes, csv" in third
    assert "second-one" in second and "query, retention days" in second
    assert "first-one" in first and "created" in first
    restore = page.get("button", "Restore version 2")
    assert page.by_id(restore["form"])["action"] == "/reports/sales/versions/2/restore"
    assert not page.has("button", "Restore version 3"), "it is the current one"


def test_the_newest_change_is_shown_by_default(browse: Browse, changed: ReportConfiguration) -> None:
    comparison = versions_page(browse("alice")).get("region", "Version 2 → 3")
    assert changed_fields(comparison)["Name"] == ["Sales", "New"]


def test_any_two_versions_are_compared(browse: Browse, changed: ReportConfiguration) -> None:
    comparison = versions_page(browse("alice"), "?from=1&to=2").get("region", "Version 1 → 2")
    lines = [row.text for row in comparison.get("region", "Lines of query").all("row")[1:]]
    assert lines == ["1 1 select *", "2 removed from sale", "2 added from <sale>", "3 added where 1"]
    assert changed_fields(comparison)["Retention days"] == ["30", "3"]
    comparison = versions_page(browse("alice"), "?from=3&to=1").get("region", "Version 3 → 1")
    assert changed_fields(comparison)["Name"] == ["New", "Sales"]


@pytest.mark.parametrize(
    ("query", "title", "sentence"),
    [
        ("?from=2&to=2", "Differences", "Choose two different versions to compare."),
        ("?from=1&to=99", "Version 1 → 99", "One of these versions doesn't exist."),
        ("?from=x&to=" + "9" * 50, "Version 2 → 3", "Name"),
    ],
)
def test_an_impossible_comparison_is_explained(
    browse: Browse, changed: ReportConfiguration, query: str, title: str, sentence: str
) -> None:
    assert sentence in versions_page(browse("alice"), query).get("region", title).text


def test_a_report_with_one_version_has_nothing_to_compare(browse: Browse, created: ReportConfiguration) -> None:
    page = versions_page(browse("alice"))
    assert "No changes since the report was created" in page.text
    assert not page.has("button", "Compare") and not page.has("heading", "Differences")


def test_a_version_is_restored_as_a_new_one(browse: Browse, changed: ReportConfiguration) -> None:
    client = browse("alice")
    response = client.post("/reports/sales/versions/1/restore")
    assert response["Location"] == "/reports/sales/versions"
    assert "Version 1 restored as version 4." in versions_page(client).by_id("notices").text
    changed.refresh_from_db()
    assert changed.version.number == 4
    assert version_entry(changed.version) == version_entry(changed.versions.get(number=1))
    entry = AuditLog.objects.first()
    assert entry
    assert (entry.actor, entry.action, entry.details["version"]) == ("alice", "Report Update", 4)
    client.post("/reports/sales/versions/1/restore")
    assert "No changes: the report already matches version 1." in versions_page(client).by_id("notices").text
    assert client.post("/reports/sales/versions/99/restore").status_code == 404
    assert client.get("/reports/sales/versions/1/restore").status_code == 405


def test_a_version_that_cannot_be_restored_says_why(browse: Browse, changed: ReportConfiguration) -> None:
    delete_source("somewhere")
    client = browse("alice")
    client.post("/reports/sales/versions/1/restore")
    assert "Version 1 can't be restored: " in versions_page(client).by_id("alerts").text


def test_versions_are_paged_in_a_constant_number_of_queries(
    browse: Browse, changed: ReportConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("alice")
    with django_assert_num_queries(10, exact=False):
        versions_page(client)
    for days in range(4, 40):
        actions.patch_report(report=changed, patch={"retention_days": days}, actor="tester")
    with django_assert_num_queries(10, exact=False):
        page = versions_page(client)
    rows = page.get("table", "Versions, newest first").all("row")[1:]
    assert sum("retention days" in row.text for row in rows) >= 29
    assert page.get("navigation", "Pages").get("link", "Older")
