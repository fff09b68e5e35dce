"""Rights on reports: by name, by role, and as an Administrator."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import Tenant, User
from reports.exceptions import AmbiguousReport, ReportIncomplete, ReportNotFound
from reports.models import ReportConfiguration
from reports.permissions import Right, granted_ids, may_generate, rights_on
from tests.reports.definitions.sample_file import apply_definitions, sample

pytestmark = pytest.mark.django_db


@pytest.fixture
def reports(tmp_path: Path) -> dict[str, ReportConfiguration]:
    """bob may run one report by name and by role; carol, in role readers, may view it."""
    data = sample()
    data["users"].append({"username": "carol", "tenant": "acme", "roles": ["readers"], "password_env": "BOB_PASSWORD"})
    apply_definitions(tmp_path, data)
    return {report.slug: report for report in ReportConfiguration.objects.all()}


def user(name: str) -> User:
    return User.objects.get(username=name)


def test_rights_come_from_grants_by_name_and_by_role(reports: dict[str, ReportConfiguration]) -> None:
    delays, customers = reports["carrier-delays"], reports["customers"]
    assert rights_on(user("alice"), delays.pk) == {Right.VIEW, Right.GENERATE}
    assert rights_on(user("bob"), delays.pk) == {Right.GENERATE}
    assert rights_on(user("carol"), delays.pk) == {Right.VIEW}
    assert rights_on(user("bob"), customers.pk) == set()
    assert rights_on(user("bob"), None) == set()
    assert may_generate(user("bob"), delays) and not may_generate(user("carol"), delays)
    assert granted_ids(user("bob")) == {Right.VIEW: set(), Right.GENERATE: {delays.pk}}


def test_querysets_agree_with_rights(reports: dict[str, ReportConfiguration]) -> None:
    delays, rows = reports["carrier-delays"], ReportConfiguration.objects.all()
    assert list(rows.visible_to(user("bob"))) == list(rows.visible_to(user("carol"))) == [delays]
    assert rows.visible_to(user("alice")).count() == 2
    assert list(rows.granted(user("bob"), Right.GENERATE)) == [delays]
    assert not rows.granted(user("bob"), Right.VIEW).exists()
    report = rows.with_rights(user("carol")).get(pk=delays.pk)
    assert (report.has_view, report.has_generate) == (True, False)


def test_finding_a_report_checks_the_tenant_and_rights(reports: dict[str, ReportConfiguration]) -> None:
    objects, delays = ReportConfiguration.objects, reports["carrier-delays"]
    other = Tenant.objects.create(slug="other", name="Other")
    stranger = User.objects.create_user("erin", tenant=other)
    assert objects.find(user("bob"), "carrier-delays") == objects.find(user("bob"), str(delays.pk)) == delays
    for key in ("carrier-delays", str(delays.pk), "nothing", "a\0b", str(delays.pk).replace("-", "")):
        with pytest.raises(ReportNotFound):
            objects.find(stranger, key)
    assert objects.find_visible(user("carol"), "carrier-delays") == delays
    assert objects.find_administered(user("alice"), "customers") == reports["customers"]
    with pytest.raises(PermissionDenied):
        objects.find_visible(user("carol"), "customers")
    with pytest.raises(PermissionDenied):
        objects.find_administered(user("bob"), "carrier-delays")
    ReportConfiguration.objects.create(tenant=other, slug="carrier-delays")
    with pytest.raises(AmbiguousReport):
        objects.find(User.objects.create_superuser("root"), "carrier-delays")


def test_a_report_without_a_version_is_incomplete(reports: dict[str, ReportConfiguration]) -> None:
    report = ReportConfiguration.objects.create(tenant=reports["customers"].tenant, slug="empty")
    with pytest.raises(ReportIncomplete):
        _ = report.version
    with pytest.raises(ReportNotFound):
        ReportConfiguration.objects.find_complete(user("alice"), "empty")
