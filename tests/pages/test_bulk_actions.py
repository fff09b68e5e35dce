"""Bulk actions: confirmed with a count, done in steps, audited, reported; and saved views."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from audit.models import AuditLog
from jobs import exceptions
from jobs.models import BulkAction, JobExecutionLog, SavedView
from jobs.monitoring import bulk_actions
from tests.pages.html import Page
from tests.pages.jobs import HTMX, Browse, MakeJob, alert, notice, open_page


def send(client: Client, action: str, confirmed: bool = True, **fields: Any) -> Page:
    """Submit the bulk form and follow to the page that it leads to."""
    data = {"action": action, **fields}
    if confirmed:
        data["confirmed"] = "1"
    response = client.post("/jobs/many", data, follow=True)
    assert response.status_code == 200
    return Page(response)


def test_a_bulk_retry_asks_for_confirmation_first(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Failed") for _ in range(3)]
    selected = [str(job.pk) for job in jobs[:2]]
    page = send(browse("alice"), "retry", confirmed=False, job=selected)
    assert page.has("heading", "Retry 2 jobs?")
    form = next(form for form in page.all("form") if form.has("button", "Retry 2 jobs"))
    assert form.form_data()["job"] == selected
    assert form.get("link", "Cancel")["href"] == "/jobs"
    assert JobExecutionLog.objects.count() == 3


def test_selected_jobs_are_retried_and_audited_one_by_one(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Failed") for _ in range(3)]
    page = send(browse("alice"), "retry", job=[job.pk for job in jobs[:2]], filters="status=Failed")
    assert notice(page) == "2 jobs retried."
    retried = JobExecutionLog.objects.exclude(retry_of=None).values_list("retry_of", flat=True)
    assert set(retried) == {jobs[0].pk, jobs[1].pk}
    assert AuditLog.objects.filter(action="Job Retry", actor="alice").count() == 2
    assert "Failed" in page.get("navigation", "Status").get("link", "Failed 3")["href"]
    assert "aria-current" in page.get("navigation", "Status").get("link", "Failed 3"), "the filter is kept"


def test_a_retry_that_is_sent_twice_creates_each_job_once(browse: Browse, make_job: MakeJob) -> None:
    jobs, client = [make_job("Failed") for _ in range(3)], browse("alice")
    for _ in range(2):
        page = send(client, "retry", scope="all", filters="status=Failed")
    assert alert(page) == "0 jobs retried."
    assert JobExecutionLog.objects.count() == 2 * len(jobs)


def test_all_matching_jobs_are_those_that_matched_when_the_list_was_shown(browse: Browse, make_job: MakeJob) -> None:
    wanted = make_job("Failed", by="erin")
    make_job("Failed", by="bob")
    later = make_job("Failed", by="erin", queued_at=timezone.now() + timedelta(minutes=1))
    send(browse("alice"), "retry", scope="all", filters="q=user:erin", queued_until=timezone.now().isoformat())
    assert [job.retry_of_id for job in JobExecutionLog.objects.exclude(retry_of=None)] == [wanted.pk]
    assert later.pk != wanted.pk


def test_invalid_filters_match_nothing_instead_of_everything(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    page = send(browse("alice"), "retry", confirmed=False, scope="all", filters="q=since:nonsense")
    assert page.has("heading", "Nothing to retry")
    send(browse("alice"), "retry", scope="all", filters="q=since:nonsense")
    assert JobExecutionLog.objects.count() == 1
    assert not open_page(browse("alice"), "/jobs?q=since:nonsense").has("button", "Retry…")
    assert open_page(browse("alice"), "/jobs").has("button", "Retry…")


def test_jobs_of_deleted_reports_are_reported_and_the_others_retried(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed", report=None, version=None)
    make_job("Failed")
    page = send(browse("alice"), "retry", scope="all")
    assert notice(page) == "1 job retried. 1 couldn't be retried because its report was deleted."


@pytest.fixture
def small_steps(settings: Settings) -> None:
    """Each request processes two jobs, as if they took long."""
    settings.BULK_ACTION_BATCH = 2
    settings.BULK_ACTION_FIRST_SECONDS = settings.BULK_ACTION_STEP_SECONDS = 0


@pytest.mark.usefixtures("small_steps")
def test_a_long_bulk_action_shows_its_progress_until_it_ends(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Failed")
    client = browse("alice")
    progress = send(client, "retry", scope="all", filters="status=Failed").get("region", "In progress")
    assert "2 of 5" in progress.text
    path = f"/jobs/many/{BulkAction.objects.get().pk}"
    listed = open_page(client, "/jobs")
    assert "Retrying jobs: 2 of 5" in listed.text
    assert listed.get("link", "2 of 5")["href"] == path
    fragment = Page(client.post(path, headers=HTMX))
    assert "<html" not in fragment.source and "4 of 5" in fragment.text
    assert f'hx-post="{path}"' in fragment.source
    ended = Page(client.post(path, headers=HTMX))
    assert "5 jobs retried." in ended.get("region", "Done").text and "hx-post" not in ended.source
    assert 'hx-swap-oob="innerHTML:#notices"' in ended.source
    assert "Retrying jobs" not in open_page(client, "/jobs").text
    assert AuditLog.objects.filter(action="Job Retry").count() == 5
    assert JobExecutionLog.objects.count() == 10, "new jobs are not taken for old ones"


@pytest.mark.usefixtures("small_steps")
def test_a_jobserver_continues_a_bulk_action_whose_page_was_closed(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Queued") for _ in range(5)]
    send(browse("alice"), "cancel", scope="all")
    bulk_actions.work_on_all(seconds=5)
    bulk_action = BulkAction.objects.get()
    assert (bulk_action.done, bulk_action.stopped, bulk_action.leased_until) == (5, False, None)
    assert bulk_action.ended_at is not None
    assert JobExecutionLog.objects.filter(error_code="cancelled").count() == len(jobs)
    assert bulk_actions.work_on_all(seconds=5) == 0


@pytest.mark.usefixtures("small_steps")
def test_a_stopped_bulk_action_leaves_the_remaining_jobs_unchanged(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Queued")
    client = browse("alice")
    assert send(client, "cancel", scope="all").has("button", "Stop")
    bulk_action = BulkAction.objects.get()
    page = Page(client.post(f"/jobs/many/{bulk_action.pk}", {"stop": "1"}, follow=True))
    assert notice(page) == "2 jobs cancelled. Stopped; the remaining jobs are unchanged."
    bulk_actions.work_on_all(seconds=5)
    assert JobExecutionLog.objects.filter(status="Queued").count() == 3


@pytest.mark.usefixtures("small_steps")
def test_a_bulk_action_ends_when_its_user_loses_the_right(
    browse: Browse, make_job: MakeJob, people: dict[str, User]
) -> None:
    for _ in range(5):
        make_job("Failed")
    send(browse("alice"), "retry", scope="all")
    people["alice"].groups.clear()
    bulk_actions.work_on_all(seconds=5)
    assert JobExecutionLog.objects.exclude(retry_of=None).count() == 2


@pytest.mark.usefixtures("small_steps")
def test_one_process_at_a_time_works_on_a_bulk_action_until_its_lease_expires(
    browse: Browse, make_job: MakeJob
) -> None:
    for _ in range(5):
        make_job("Queued")
    send(browse("alice"), "cancel", scope="all")
    later = timezone.now() + timedelta(minutes=1)
    BulkAction.objects.update(leased_until=later)
    bulk_actions.work_on_all(seconds=5)
    assert BulkAction.objects.get().done == 2
    BulkAction.objects.update(leased_until=later - timedelta(minutes=2))
    bulk_actions.work_on_all(seconds=5)
    assert BulkAction.objects.get().done == 5


@pytest.mark.usefixtures("small_steps")
def test_only_its_user_sees_the_progress_of_a_bulk_action(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(3):
        make_job("Queued", by="bob")
    send(browse("alice"), "cancel", scope="all")
    path = f"/jobs/many/{BulkAction.objects.get().pk}"
    assert browse("alice").get(path).status_code == 200
    assert browse("bob").get(path).status_code == 404
    assert browse("bob").post(path, {"stop": "1"}).status_code == 404


def test_a_bulk_cancel_ends_queued_jobs_and_asks_running_ones_to_stop(browse: Browse, make_job: MakeJob) -> None:
    queued, running, ended = make_job("Queued"), make_job("Running"), make_job("Succeeded")
    page = send(browse("alice"), "cancel", job=[queued.pk, running.pk, ended.pk])
    assert notice(page) == "2 jobs cancelled."
    queued.refresh_from_db()
    running.refresh_from_db()
    assert (queued.status, queued.error_code) == ("Failed", "cancelled")
    assert running.cancel_requested_by == "alice"


def test_other_users_cancel_only_their_own_jobs_and_retry_none(browse: Browse, make_job: MakeJob) -> None:
    own, foreign = make_job("Queued", by="bob"), make_job("Queued", by="erin")
    send(browse("bob"), "cancel", scope="all")
    own.refresh_from_db()
    foreign.refresh_from_db()
    assert (own.status, foreign.status) == ("Failed", "Queued")
    assert browse("bob").post("/jobs/many", {"action": "retry", "scope": "all"}).status_code == 403
    assert browse("gina").post("/jobs/many", {"action": "cancel", "scope": "all", "confirmed": "1"}).status_code == 302
    foreign.refresh_from_db()
    assert foreign.status == "Queued", "another tenant's"


def test_an_unknown_bulk_action_is_a_bad_request(browse: Browse, make_job: MakeJob) -> None:
    assert browse("alice").post("/jobs/many", {"action": "delete"}).status_code == 400
    too_long = {"action": "cancel", "scope": "all", "filters": "q=" + "x" * 900_000, "confirmed": "1"}
    assert browse("alice").post("/jobs/many", too_long).status_code == 400
    assert not BulkAction.objects.exists()
    assert browse("alice").get("/jobs/many").status_code == 405


def test_only_jobs_that_can_be_retried_or_cancelled_have_a_checkbox(browse: Browse, make_job: MakeJob) -> None:
    for status in ("Queued", "Running", "Succeeded", "Failed"):
        make_job(status)
    for name, count in (("alice", 3), ("bob", 2), ("carol", 0)):
        page = open_page(browse(name), "/jobs")
        checkboxes = [box for box in page.all("checkbox") if box.name.startswith("Select ")]
        assert len(checkboxes) == count, name
        assert page.has("button", "Retry…") is (name == "alice")


def test_only_its_owner_sees_and_deletes_a_saved_view(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    filters = "q=report%3Asales&status=Failed"
    browse("bob").post("/jobs/saved", {"name": " My  failures ", "filters": f"{filters}&cursor=abc"})
    assert [(view.name, view.filters) for view in SavedView.objects.all()] == [("My failures", filters)]
    views = open_page(browse("bob"), "/jobs").get("navigation", "Saved views")
    assert views.get("link", "My failures")["href"] == f"/jobs?{filters}"
    assert "My failures" not in open_page(browse("alice"), "/jobs").text
    browse("alice").post("/jobs/saved", {"name": "My failures", "delete": "1"})
    assert SavedView.objects.count() == 1
    assert open_page(browse("bob"), f"/jobs?{filters}").has("button", "Delete")
    browse("bob").post("/jobs/saved", {"name": "My failures", "delete": "1"})
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(("name", "filters"), [("", "status=Failed"), ("x" * 61, "status=Failed"), ("x", "")])
def test_a_view_without_name_or_filters_is_refused(browse: Browse, name: str, filters: str) -> None:
    page = Page(browse("bob").post("/jobs/saved", {"name": name, "filters": filters}, follow=True))
    assert alert(page) == exceptions.InvalidSavedView().message
    assert not SavedView.objects.exists()
