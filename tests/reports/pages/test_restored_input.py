"""Input that was submitted after the session ended is restored after signing in, for the same user only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration
from tests.pages.conftest import PASSWORD
from tests.pages.html import Page
from tests.reports.pages.edit_form import FormData, edit_form, form_data, get_page, submit, version_number

Browse = Callable[[str], Client]

NOT_SAVED = "You were signed out, so nothing was saved. Your input is restored."
NOT_RUN = "You were signed out, so the report didn't run. Your input is restored."
#: On SQLite, failed sign-ins are counted in another database.
with_counters = pytest.mark.django_db(databases=["default", "counters"] if settings.SQLITE else ["default"])


def sign_in_again(client: Client, name: str, path: str, data: FormData) -> Page:
    """Submit the form without a session, sign in, and return the page where that leads."""
    client.logout()
    refused = client.post(path, data)
    assert refused.status_code == 302 and refused["Location"].startswith("/login?next=")
    signed_in = client.post("/login", {"username": name, "password": PASSWORD, "next": path})
    return get_page(client, signed_in["Location"])


def has_unsaved_changes(page: Page) -> bool:
    """Whether the browser warns before it leaves the page."""
    return any("data-unsaved" in form for form in page.all("form"))


@with_counters
def test_input_is_restored_after_signing_in_again(browse: Browse, small: ReportConfiguration) -> None:
    client = browse("alice")
    data = edit_form(client, "small") | {"name": ["Half done"], "description": ["Typed for an hour"]}
    client.logout()
    response = submit(client, data, "save")
    assert response["Location"] == "/login?next=/reports/small/edit"
    signed_in = client.post("/login", {"username": "alice", "password": PASSWORD, "next": "/reports/small/edit"})
    page = get_page(client, signed_in["Location"])
    assert NOT_SAVED in page.by_id("notices").text
    assert has_unsaved_changes(page)
    restored = form_data(page)
    assert (restored["name"], restored["description"]) == (["Half done"], ["Typed for an hour"])
    assert version_number(small) == 1
    assert edit_form(client, "small")["name"] == ["Small"], "it is restored once"
    assert submit(client, restored, "save").status_code == 302
    assert version_number(small) == 2


@with_counters
@pytest.mark.parametrize("owner", ["own", "none", "forged"])
def test_input_is_restored_for_nobody_else(browse: Browse, small: ReportConfiguration, owner: str) -> None:
    User.objects.get(username="carol").groups.add(Group.objects.get(name="Administrator"))
    client = browse("alice")
    data = edit_form(client, "small") | {"name": ["Half done"]}
    forged = f"{User.objects.get(username='carol').pk}:x"
    data["form_owner"] = {"own": data["form_owner"], "none": [""], "forged": [forged]}[owner]
    client.logout()
    submit(client, data, "save")
    client.post("/login", {"username": "carol", "password": PASSWORD})
    assert "Half done" not in client.get("/reports/small/edit").content.decode()
    assert "unsaved" not in client.session


def test_a_form_from_before_a_sign_in_in_another_tab_is_neither_saved_nor_lost(
    browse: Browse, small: ReportConfiguration
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="alice"))
    data = edit_form(client, "small") | {"name": ["Half done"], "csrfmiddlewaretoken": ["x" * 64]}
    response = submit(client, data, "save")
    assert response["Location"] == "/reports/small/edit"
    assert version_number(small) == 1
    assert edit_form(client, "small")["name"] == ["Half done"]
    data["form_owner"] = [""]
    assert submit(client, data, "save").status_code == 403


@with_counters
@pytest.mark.parametrize(
    ("path", "form_id", "input"),
    [
        ("/reports/new", "editor", {"name": ["Half done"], "slug": ["half"], "do": ["save"]}),
        ("/reports/new", "editor", {"slug": ["half"], "query": ["Half done"], "do": ["parameters.add"]}),
        ("/reports/small/edit", "editor", {"name": ["Half done"], "do": ["check"]}),
        ("/reports/small/template", "designer", {"template": ["= Half done"], "param.least": ["7"], "do": ["save"]}),
        ("/reports/small/template", "designer", {"template": ["= Half done"], "do": ["preview"]}),
    ],
)
def test_the_input_of_every_form_is_restored(
    browse: Browse, small: ReportConfiguration, path: str, form_id: str, input: FormData
) -> None:
    client = browse("alice")
    before = form_data(get_page(client, path), form_id)
    page = sign_in_again(client, "alice", path, before | input)
    assert NOT_SAVED in page.by_id("notices").text
    assert has_unsaved_changes(page)
    # No other field is lost, and none has the value of another: the form is exactly as it was submitted.
    submitted = before | {name: value for name, value in input.items() if name != "do"}
    of_the_session = {"csrfmiddlewaretoken": [], "form_owner": []}
    assert form_data(page, form_id) | of_the_session == submitted | of_the_session
    assert version_number(small) == 1
    assert ReportConfiguration.objects.count() == 1
    assert "Half done" not in get_page(client, path).source, "it is restored once"


@with_counters
def test_a_superusers_new_report_is_restored_for_the_same_tenant(root: Client, source: object) -> None:
    path = "/reports/new?tenant=acme"
    data = form_data(get_page(root, path)) | {"name": ["Half done"], "do": ["save"]}
    assert sign_in_again(root, "root", path, data).field("Name").value == "Half done"


VALUES = {"param.start": ["2024-05-01"], "param.only_new": ["false"], "param.days": ["tue"], "format": ["json"]}


def filled_in(client: Client, path: str) -> FormData:
    return form_data(get_page(client, path), "run") | VALUES


@with_counters
@pytest.mark.parametrize("path", ["/reports/sales", "/reports/sales?param.start=2024-01-01"])
@pytest.mark.parametrize("command", ["", "estimate"])
def test_the_run_form_is_restored_and_runs_once(
    browse: Browse, report: ReportConfiguration, path: str, command: str
) -> None:
    client = browse("bob")
    data = filled_in(client, path)
    page = sign_in_again(client, "bob", path, data | {"do": [command]})
    assert NOT_RUN in page.by_id("notices").text
    assert not JobExecutionLog.objects.exists(), "signing in runs nothing"
    restored = form_data(page, "run")
    assert {name: restored[name] for name in VALUES} == VALUES
    assert client.post(path, restored)["Location"] == f"/jobs/{JobExecutionLog.objects.get().pk}"
    assert form_data(get_page(client, path), "run")["token"] != restored["token"], "the next form is another one"


@with_counters
def test_a_form_whose_job_was_submitted_before_the_session_ended_submits_no_other(
    browse: Browse, report: ReportConfiguration
) -> None:
    client = browse("bob")
    data = filled_in(client, "/reports/sales")
    first = client.post("/reports/sales", data)["Location"]
    page = sign_in_again(client, "bob", "/reports/sales", data)
    response = client.post("/reports/sales", form_data(page, "run"), follow=True)
    assert response.redirect_chain == [(first, 302)]
    assert "This form was already submitted. This is its job." in Page(response).by_id("notices").text
    assert JobExecutionLog.objects.count() == 1


@with_counters
def test_the_run_form_is_restored_for_nobody_else(browse: Browse, report: ReportConfiguration) -> None:
    client = browse("bob")
    data = filled_in(client, "/reports/sales") | {"param.start": ["1999-12-31"]}
    page = sign_in_again(client, "erin", "/reports/sales", data)
    assert "1999-12-31" not in page.source
    assert form_data(page, "run")["token"] != data["token"]


def test_a_run_form_from_before_a_sign_in_in_another_tab_is_not_lost(
    browse: Browse, report: ReportConfiguration
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="bob"))
    data = filled_in(client, "/reports/sales") | {"csrfmiddlewaretoken": ["x" * 64]}
    assert client.post("/reports/sales", data)["Location"] == "/reports/sales"
    restored = form_data(get_page(client, "/reports/sales"), "run")
    assert restored["param.start"] == ["2024-05-01"]
    assert client.post("/reports/sales", restored)["Location"].startswith("/jobs/")
    assert JobExecutionLog.objects.count() == 1
