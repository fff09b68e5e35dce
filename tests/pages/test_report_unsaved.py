"""What was typed into the form of a report when the session ended is there again, for the same person only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from reports.models import ReportConfiguration
from tests.pages.conftest import PASSWORD
from tests.pages.forms import press, sent_back, shown, version

Browse = Callable[[str], Client]


with_counters = pytest.mark.django_db(databases=["default", "counters"] if configured.SQLITE else ["default"])


@with_counters
def test_what_was_typed_is_there_again_after_signing_in_anew(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    typed = shown(client, "small") | {"name": ["Half done"], "description": ["Typed for an hour"]}
    client.logout()
    answer = press(client, typed, "save")
    assert answer["Location"] == "/login?next=/reports/small/edit"
    signed_in = client.post("/login", {"username": "alice", "password": PASSWORD, "next": "/reports/small/edit"})
    page = client.get(signed_in["Location"]).content.decode()
    assert "You were signed out, so nothing was saved. What you had typed is here again." in page
    assert "data-unsaved" in page
    again = sent_back(page, "editor")
    assert (again["name"], again["description"]) == (["Half done"], ["Typed for an hour"])
    assert version(small) == 1
    assert sent_back(client.get("/reports/small/edit").content.decode(), "editor")["name"] == ["Small"], "once"
    assert press(client, again, "save").status_code == 302
    assert version(small) == 2


@with_counters
@pytest.mark.parametrize("mark", ["own", "none", "forged"])
def test_what_was_typed_is_shown_to_nobody_else(browse: Browse, small: ReportConfiguration, mark: str) -> None:
    User.objects.get(username="carol").groups.add(Group.objects.get(name="Administrator"))
    client = browse("alice")
    typed = shown(client, "small") | {"name": ["Half done"]}
    forged = f"{User.objects.get(username='carol').pk}:x"
    typed["typist"] = {"own": typed["typist"], "none": [""], "forged": [forged]}[mark]
    client.logout()
    press(client, typed, "save")
    client.post("/login", {"username": "carol", "password": PASSWORD})
    assert "Half done" not in client.get("/reports/small/edit").content.decode()
    assert "unsaved" not in client.session


def test_a_form_from_before_a_sign_in_in_another_tab_is_not_saved_and_not_lost(
    browse: Browse, small: ReportConfiguration
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="alice"))
    typed = shown(client, "small") | {"name": ["Half done"], "csrfmiddlewaretoken": ["x" * 64]}
    answer = press(client, typed, "save")
    assert answer["Location"] == "/reports/small/edit"
    assert version(small) == 1
    assert sent_back(client.get("/reports/small/edit").content.decode(), "editor")["name"] == ["Half done"]
    typed["typist"] = [""]
    assert press(client, typed, "save").status_code == 403
