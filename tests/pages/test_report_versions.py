"""The versions of a report: what each changed, how two differ, and going back to one."""

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

Browse = Callable[[str], Client]
FIRST = {
    "slug": "sales", "tenant": "acme", "name": "Sales", "data_source": "somewhere", "formats": ["csv"],
    "query": "select *\nfrom sale", "max_bytes": 5000, "csv": {"delimiter": ";"},
    "delivery": [{"kind": "email", "to": ["secret@example.com"]}],
}  # fmt: skip


@pytest.fixture
def changed(people: dict[str, User]) -> ReportConfiguration:
    """With three versions."""
    tenant = people["alice"].tenant
    DataSource.objects.create(tenant=tenant, slug="somewhere", kind="sqlite", location="/somewhere.db")
    report = actions.create_report(definition=parse_report(FIRST), tenant=tenant, actor="first-one")  # type: ignore[arg-type]
    second = {"query": "select *\nfrom <sale>\nwhere 1", "retention_days": 3}
    actions.patch_report(report=report, patch=second, actor="second-one")
    third = {"max_bytes": None, "csv": None, "delivery": None, "name": "New"}
    return actions.patch_report(report=report, patch=third, actor="third-one")


def text_of(client: Client, query: str = "") -> str:
    answer = client.get(f"/reports/sales/versions{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_history_says_who_changed_what(browse: Browse, changed: ReportConfiguration) -> None:
    text = text_of(browse("alice"))
    for part in ("first-one", "second-one", "third-one", "name, delivery, max bytes, csv", "query, retention days"):
        assert part in text, part
    assert 'action="/reports/sales/versions/2/restore"' in text
    assert "versions/3/restore" not in text, "the current one can't be restored"


def test_the_newest_change_is_shown_unless_others_are_asked_for(browse: Browse, changed: ReportConfiguration) -> None:
    text = text_of(browse("alice"))
    assert "Version 2 → 3" in text
    assert "<del>Sales</del>" in text
    text = text_of(browse("alice"), "?from=1&to=2")
    assert '<tr class="removed">' in text
    assert "from &lt;sale&gt;</code>" in text
    assert "<ins>3</ins>" in text
    text = text_of(browse("alice"), "?from=3&to=1")
    assert "<ins>Sales</ins>" in text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?from=2&to=2", "Choose two versions"), ("?from=1&to=99", "There is no such version."),
        ("?from=x&to=" + "9" * 50, "Version 2 → 3"),
    ],
)  # fmt: skip
def test_a_comparison_that_is_none_says_so(
    browse: Browse, changed: ReportConfiguration, query: str, sentence: str
) -> None:
    assert sentence in text_of(browse("alice"), query)


def test_a_report_that_was_never_changed_has_nothing_to_compare(browse: Browse, people: dict[str, User]) -> None:
    tenant = people["alice"].tenant
    DataSource.objects.create(tenant=tenant, slug="somewhere", kind="sqlite", location="/somewhere.db")
    actions.create_report(definition=parse_report(FIRST), tenant=tenant, actor="first-one")  # type: ignore[arg-type]
    text = text_of(browse("alice"))
    assert "Nothing was changed since it was made." in text
    assert "Compare" not in text and "Differences" not in text


def test_a_version_is_restored_as_a_new_one(browse: Browse, changed: ReportConfiguration) -> None:
    client = browse("alice")
    answer = client.post("/reports/sales/versions/1/restore")
    assert answer["Location"] == "/reports/sales/versions"
    text = text_of(client)
    assert "Version 4 is as version 1 was." in text
    changed.refresh_from_db()
    assert changed.version.number == 4
    assert version_entry(changed.version) == version_entry(changed.versions.get(number=1))
    entry = AuditLog.objects.first()
    assert entry
    assert (entry.actor, entry.action, entry.details["version"]) == ("alice", "Report Update", 4)
    client.post("/reports/sales/versions/1/restore")
    assert "Nothing was changed." in text_of(client)
    assert client.post("/reports/sales/versions/99/restore").status_code == 404
    assert client.get("/reports/sales/versions/1/restore").status_code == 405


def test_a_version_that_can_not_be_restored_says_why(browse: Browse, changed: ReportConfiguration) -> None:
    DataSource.objects.all().delete()
    client = browse("alice")
    client.post("/reports/sales/versions/1/restore")
    assert "Version 1 can&#x27;t be restored: " in text_of(client)


def test_many_versions_are_paged_in_a_fixed_number_of_queries(
    browse: Browse, changed: ReportConfiguration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("alice")
    with django_assert_num_queries(10, exact=False):
        text_of(client)
    for days in range(4, 40):
        actions.patch_report(report=changed, patch={"retention_days": days}, actor="tester")
    with django_assert_num_queries(10, exact=False):
        text = text_of(client)
    assert text.count("retention days") >= 29
    assert 'id="older"' in text
