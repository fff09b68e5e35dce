"""Administrators preview a report in the editor as somebody else sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Tenant, User
from audit.models import Action, AuditLog
from reports import actions
from reports.definitions import parse_report
from reports.models import DataSource, ReportConfiguration
from tests.reports.pages.edit_form import edit_form, submit

pytestmark = pytest.mark.django_db(databases="__all__")

Browse = Callable[[str], Client]
QUERY = "select :caller_level as level, amount from sale where amount < :caller_level"


@pytest.fixture
def small(source: DataSource, acme: Tenant, people: dict[str, User]) -> ReportConfiguration:
    acme.attributes = {"level": {"type": "integer"}}
    acme.save()
    for name, level in (("bob", 2), ("carol", 3)):
        User.objects.filter(username=name).update(attributes={"level": level})
    definition = {"slug": "small", "tenant": "acme", "name": "Small", "data_source": "sales", "query": QUERY}
    return actions.create_report(
        definition=parse_report({**definition, "formats": ["csv"]}), tenant=source.tenant, actor="tester"
    )


def preview(browser: Client, name: str) -> Any:
    return submit(browser, edit_form(browser, "small"), "check", preview_as=name).context["page"]


def rows(page: Any) -> int:
    return len(page.checked.first_preview.rows)


def test_the_preview_has_the_attributes_of_the_chosen_user(small: ReportConfiguration, browse: Browse) -> None:
    alice = browse("alice")
    assert (rows(preview(alice, "bob")), rows(preview(alice, "carol"))) == (2, 3)
    entries = AuditLog.objects.filter(action=Action.REPORT_PREVIEW).order_by("sequence")
    assert [(entry.actor, entry.details["as"]) for entry in entries] == [("alice", "bob"), ("alice", "carol")]


def test_without_a_choice_it_has_ones_own_and_none_are_refused(small: ReportConfiguration, browse: Browse) -> None:
    assert "alice has no valid value of: level" in preview(browse("alice"), "").checked.errors[0]
    User.objects.filter(username="alice").update(attributes={"level": 4})
    assert rows(preview(browse("alice"), "")) == 4
    (entry,) = AuditLog.objects.filter(action=Action.REPORT_PREVIEW)
    assert "as" not in entry.details


@pytest.mark.parametrize("name", ["gina", "nobody", "dan\N{COMBINING DIAERESIS}", "bob\0"])
def test_only_users_of_the_organization_can_be_chosen(name: str, small: ReportConfiguration, browse: Browse) -> None:
    page = preview(browse("alice"), name)
    assert page.checked is None and page.preview_as_error == "There is no such user in this organization."
    assert not AuditLog.objects.filter(action=Action.REPORT_PREVIEW).exists()


def test_a_deactivated_user_cant_be_chosen(small: ReportConfiguration, browse: Browse) -> None:
    User.objects.filter(username="bob").update(is_active=False)
    assert preview(browse("alice"), "bob").preview_as_error


def test_only_administrators_can(small: ReportConfiguration, browse: Browse) -> None:
    data = edit_form(browse("alice"), "small")
    assert submit(browse("bob"), data, "check", preview_as="carol").status_code == 403
