"""What was typed into a form when the session ended is there again, for the same person only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration
from tests.pages.conftest import PASSWORD
from tests.pages.forms import press, sent_back, shown, text_of, version

Browse = Callable[[str], Client]
Sent = dict[str, list[str]]


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
    typed["form_owner"] = {"own": typed["form_owner"], "none": [""], "forged": [forged]}[mark]
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
    typed["form_owner"] = [""]
    assert press(client, typed, "save").status_code == 403


def signed_out_and_in(client: Client, name: str, path: str, sent: Sent) -> str:
    """The page after the form was sent without a session and the person has signed in."""
    client.logout()
    refused = client.post(path, sent)
    assert refused.status_code == 302 and refused["Location"].startswith("/login?next=")
    signed_in = client.post("/login", {"username": name, "password": PASSWORD, "next": path})
    return text_of(client, signed_in["Location"])


@with_counters
@pytest.mark.parametrize(
    ("path", "form", "typed"),
    [
        ("/reports/new", "editor", {"name": ["Half done"], "slug": ["half"], "do": ["save"]}),
        ("/reports/new", "editor", {"slug": ["half"], "query": ["Half done"], "do": ["parameters.add"]}),
        ("/reports/small/edit", "editor", {"name": ["Half done"], "do": ["check"]}),
        ("/reports/small/template", "designer", {"template": ["= Half done"], "param.least": ["7"], "do": ["save"]}),
        ("/reports/small/template", "designer", {"template": ["= Half done"], "do": ["preview"]}),
    ],
)
def test_every_form_of_a_report_is_there_again(
    browse: Browse, small: ReportConfiguration, path: str, form: str, typed: Sent
) -> None:
    client = browse("alice")
    before = sent_back(text_of(client, path), form)
    page = signed_out_and_in(client, "alice", path, before | typed)
    assert "You were signed out, so nothing was saved. What you had typed is here again." in page
    assert "data-unsaved" in page
    # Of the other fields none is lost, and none is another one's: the form says now what it said then.
    told = before | {name: value for name, value in typed.items() if name != "do"}
    assert {**sent_back(page, form), "csrfmiddlewaretoken": []} == {**told, "csrfmiddlewaretoken": []}
    assert version(small) == 1
    assert ReportConfiguration.objects.count() == 1
    assert "Half done" not in text_of(client, path), "once"


@with_counters
def test_a_new_report_of_a_superuser_is_there_again_for_the_same_organisation(root: Client, source: object) -> None:
    path = "/reports/new?tenant=acme"
    typed = sent_back(text_of(root, path), "editor") | {"name": ["Half done"], "do": ["save"]}
    assert "Half done" in signed_out_and_in(root, "root", path, typed)


VALUES = {"param.start": ["2024-05-01"], "param.only_new": ["false"], "param.days": ["tue"], "format": ["json"]}


def filled_in(client: Client, path: str) -> Sent:
    return sent_back(text_of(client, path), "run") | VALUES


@with_counters
@pytest.mark.parametrize("path", ["/reports/sales", "/reports/sales?param.start=2024-01-01"])
@pytest.mark.parametrize("do", ["", "estimate"])
def test_what_a_report_was_to_be_run_with_is_there_again_and_runs_once(
    browse: Browse, report: ReportConfiguration, path: str, do: str
) -> None:
    client = browse("bob")
    sent = filled_in(client, path)
    page = signed_out_and_in(client, "bob", path, sent | {"do": [do]})
    assert "You were signed out, so the report didn&#x27;t run. Your input is restored." in page
    assert not JobExecutionLog.objects.exists(), "signing in runs nothing"
    again = sent_back(page, "run")
    assert {name: again[name] for name in VALUES} == VALUES
    assert client.post(path, again)["Location"] == f"/jobs/{JobExecutionLog.objects.get().pk}"
    assert sent_back(text_of(client, path), "run")["token"] != again["token"], "the next wish is another one"


@with_counters
def test_a_form_that_made_its_job_before_the_session_ended_makes_no_other(
    browse: Browse, report: ReportConfiguration
) -> None:
    client = browse("bob")
    sent = filled_in(client, "/reports/sales")
    first = client.post("/reports/sales", sent)["Location"]
    page = signed_out_and_in(client, "bob", "/reports/sales", sent)
    answer = client.post("/reports/sales", sent_back(page, "run"), follow=True)
    assert answer.redirect_chain == [(first, 302)]
    assert "This form was already submitted. This is its job." in answer.content.decode()
    assert JobExecutionLog.objects.count() == 1


@with_counters
def test_what_a_report_was_to_be_run_with_is_shown_to_nobody_else(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    sent = filled_in(client, "/reports/sales") | {"param.start": ["1999-12-31"]}
    page = signed_out_and_in(client, "erin", "/reports/sales", sent)
    assert "1999-12-31" not in page
    assert sent_back(page, "run")["token"] != sent["token"]


def test_a_run_form_from_before_a_sign_in_in_another_tab_is_not_lost(
    browse: Browse, report: ReportConfiguration
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))
    sent = filled_in(client, "/reports/sales") | {"csrfmiddlewaretoken": ["x" * 64]}
    assert client.post("/reports/sales", sent)["Location"] == "/reports/sales"
    again = sent_back(text_of(client, "/reports/sales"), "run")
    assert again["param.start"] == ["2024-05-01"]
    assert client.post("/reports/sales", again)["Location"].startswith("/jobs/")
    assert JobExecutionLog.objects.count() == 1
