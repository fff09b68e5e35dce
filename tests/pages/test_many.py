"""Bulk actions: confirmed with a count first, bounded, audited, told; saved views."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import AuditLog
from jobs.models import BulkAction, JobExecutionLog, SavedView
from jobs.monitoring import bulk, views

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]


def send(client: Client, action: str, confirmed: bool = True, **fields: Any) -> str:
    data = {"action": action, **fields, **({"confirmed": "1"} if confirmed else {})}
    answer = client.post("/jobs/many", data, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def told(text: str, role: str = "status") -> str:
    found = re.search(rf'role="{role}">(.*?)</div>\s*<(?:div id="alerts"|/div)', text, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1]).strip()


def test_a_bulk_retry_asks_first_and_does_nothing_yet(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Failed") for _ in range(3)]
    text = send(browse("alice"), "retry", confirmed=False, job=[job.pk for job in jobs[:2]])
    assert "Retry 2 jobs?" in text
    assert text.count('<input type="hidden" name="job"') == 2
    assert JobExecutionLog.objects.count() == 3


def test_the_selected_jobs_are_retried_and_each_is_audited(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Failed") for _ in range(3)]
    text = send(browse("alice"), "retry", job=[job.pk for job in jobs[:2]], filters="status=Failed")
    assert told(text) == "2 jobs queued again."
    assert set(JobExecutionLog.objects.exclude(retry_of=None).values_list("retry_of", flat=True)) == {
        jobs[0].pk,
        jobs[1].pk,
    }
    assert AuditLog.objects.filter(action="Job Retry", actor="alice").count() == 2
    assert "status=Failed" in text, "the filter survives"


def test_pressed_twice_it_makes_no_job_twice(browse: Browse, make_job: MakeJob) -> None:
    jobs, client = [make_job("Failed") for _ in range(3)], browse("alice")
    for _ in range(2):
        text = send(client, "retry", scope="all", filters="status=Failed")
    assert told(text, "alert") == "0 jobs queued again."
    assert JobExecutionLog.objects.count() == 2 * len(jobs)


def test_all_that_match_are_those_of_the_filters_and_of_the_moment_of_asking(browse: Browse, make_job: MakeJob) -> None:
    wanted = make_job("Failed", by="erin")
    make_job("Failed", by="bob")
    later = make_job("Failed", by="erin", queued_at=timezone.now() + timedelta(minutes=1))
    send(browse("alice"), "retry", scope="all", filters="q=user:erin", at=timezone.now().isoformat())
    assert [job.retry_of_id for job in JobExecutionLog.objects.exclude(retry_of=None)] == [wanted.pk]
    assert later.pk != wanted.pk


def test_filters_that_are_not_valid_match_nothing_instead_of_everything(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    assert "Nothing to do" in send(browse("alice"), "retry", confirmed=False, scope="all", filters="q=since:nonsense")
    send(browse("alice"), "retry", scope="all", filters="q=since:nonsense")
    assert JobExecutionLog.objects.count() == 1
    assert 'id="bulk-form"' not in browse("alice").get("/jobs?q=since:nonsense").content.decode()


def test_jobs_of_deleted_reports_are_counted_and_the_others_done(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed", report=None, version=None)
    make_job("Failed")
    text = send(browse("alice"), "retry", scope="all")
    assert told(text) == "1 job queued again, 1 could not be, because their report was deleted."


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs per request, as if they took long."""
    monkeypatch.setattr(bulk, "_BATCH", 2)
    for name in ("_PRESS_SECONDS", "_PROGRESS_SECONDS"):
        monkeypatch.setattr(views, name, 0)


def numbers(text: str) -> str:
    found = re.search(r'class="muted small number">([^<]+)</span>', text)
    assert found
    return found[1]


@pytest.mark.usefixtures("slowly")
def test_a_press_that_takes_long_shows_its_progress_and_ends(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Failed")
    client = browse("alice")
    text = send(client, "retry", scope="all", filters="status=Failed")
    assert "Under way" in text and numbers(text) == "2 of 5"
    press = BulkAction.objects.get()
    listed = client.get("/jobs").content.decode()
    assert "Many jobs are being retried:" in listed and "2 of 5" in listed
    live = client.post(f"/jobs/many/{press.pk}", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in live and numbers(live) == "4 of 5"
    assert f'hx-post="/jobs/many/{press.pk}"' in live
    ended = client.post(f"/jobs/many/{press.pk}", headers={"HX-Request": "true"}).content.decode()
    assert "5 jobs queued again." in ended and "hx-post" not in ended
    assert 'hx-swap-oob="innerHTML:#notices"' in ended
    assert "Many jobs are being retried:" not in client.get("/jobs").content.decode()
    assert AuditLog.objects.filter(action="Job Retry").count() == 5
    assert JobExecutionLog.objects.count() == 10, "new jobs are not taken for old ones"


@pytest.mark.usefixtures("slowly")
def test_a_jobserver_carries_on_what_nobody_watches(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Queued") for _ in range(5)]
    send(browse("alice"), "cancel", scope="all")
    bulk.carry_on_all(seconds=5)
    press = BulkAction.objects.get()
    assert (press.done, press.stopped, press.leased_until) == (5, False, None)
    assert press.ended_at is not None
    assert JobExecutionLog.objects.filter(error_code="cancelled").count() == len(jobs)
    assert bulk.carry_on_all(seconds=5) == 0


@pytest.mark.usefixtures("slowly")
def test_the_rest_can_be_left_as_it_is(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Queued")
    client = browse("alice")
    send(client, "cancel", scope="all")
    press = BulkAction.objects.get()
    text = client.post(f"/jobs/many/{press.pk}", {"stop": "1"}, follow=True).content.decode()
    assert told(text) == "2 jobs cancelled or asked to stop, the rest was left as it is."
    bulk.carry_on_all(seconds=5)
    assert JobExecutionLog.objects.filter(status="Queued").count() == 3


@pytest.mark.usefixtures("slowly")
def test_who_lost_the_right_meanwhile_does_no_more(browse: Browse, make_job: MakeJob, people: dict[str, User]) -> None:
    for _ in range(5):
        make_job("Failed")
    send(browse("alice"), "retry", scope="all")
    people["alice"].groups.clear()
    bulk.carry_on_all(seconds=5)
    assert JobExecutionLog.objects.exclude(retry_of=None).count() == 2


@pytest.mark.usefixtures("slowly")
def test_a_press_is_carried_on_by_one_at_a_time_and_not_left_with_the_dead(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(5):
        make_job("Queued")
    send(browse("alice"), "cancel", scope="all")
    later = timezone.now() + timedelta(minutes=1)
    BulkAction.objects.update(leased_until=later)
    bulk.carry_on_all(seconds=5)
    assert BulkAction.objects.get().done == 2
    BulkAction.objects.update(leased_until=later - timedelta(minutes=2))
    bulk.carry_on_all(seconds=5)
    assert BulkAction.objects.get().done == 5


@pytest.mark.usefixtures("slowly")
def test_the_progress_is_for_the_one_who_pressed(browse: Browse, make_job: MakeJob) -> None:
    for _ in range(3):
        make_job("Queued", by="bob")
    send(browse("alice"), "cancel", scope="all")
    address = f"/jobs/many/{BulkAction.objects.get().pk}"
    assert browse("alice").get(address).status_code == 200
    assert browse("bob").get(address).status_code == 404
    assert browse("bob").post(address, {"stop": "1"}).status_code == 404


def test_cancel_in_bulk_ends_what_waits_and_asks_what_runs(browse: Browse, make_job: MakeJob) -> None:
    waiting, running, ended = make_job("Queued"), make_job("Running"), make_job("Succeeded")
    text = send(browse("alice"), "cancel", job=[waiting.pk, running.pk, ended.pk])
    assert told(text) == "2 jobs cancelled or asked to stop."
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.status, waiting.error_code) == ("Failed", "cancelled")
    assert running.cancel_requested_by == "alice"


def test_others_cancel_their_own_jobs_only_and_retry_none(browse: Browse, make_job: MakeJob) -> None:
    own, foreign = make_job("Queued", by="bob"), make_job("Queued", by="erin")
    send(browse("bob"), "cancel", scope="all")
    own.refresh_from_db()
    foreign.refresh_from_db()
    assert (own.status, foreign.status) == ("Failed", "Queued")
    assert browse("bob").post("/jobs/many", {"action": "retry", "scope": "all"}).status_code == 403
    assert browse("gina").post("/jobs/many", {"action": "cancel", "scope": "all", "confirmed": "1"}).status_code == 302
    foreign.refresh_from_db()
    assert foreign.status == "Queued", "another tenant's"


def test_what_is_no_bulk_action_is_refused(browse: Browse, make_job: MakeJob) -> None:
    assert browse("alice").post("/jobs/many", {"action": "delete"}).status_code == 400
    assert browse("alice").get("/jobs/many").status_code == 405


def test_only_jobs_that_something_can_be_done_to_have_a_box(browse: Browse, make_job: MakeJob) -> None:
    for status in ("Queued", "Running", "Succeeded", "Failed"):
        make_job(status)
    boxes = 'type="checkbox" class="checkbox"'
    assert browse("alice").get("/jobs").content.decode().count(boxes) == 3
    assert browse("bob").get("/jobs").content.decode().count(boxes) == 2
    assert "Retry…" not in browse("bob").get("/jobs").content.decode()
    assert boxes not in browse("carol").get("/jobs").content.decode()


def test_a_view_is_saved_opened_and_deleted_by_its_owner(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    filters = "q=report%3Asales&status=Failed"
    browse("bob").post("/jobs/saved", {"name": " My  failures ", "filters": f"{filters}&cursor=abc"})
    assert [(view.name, view.filters) for view in SavedView.objects.all()] == [("My failures", filters)]
    assert f'href="/jobs?{filters.replace("&", "&amp;")}"' in browse("bob").get("/jobs").content.decode()
    assert "My failures" not in browse("alice").get("/jobs").content.decode()
    browse("alice").post("/jobs/saved", {"name": "My failures", "forget": "1"})
    assert SavedView.objects.count() == 1
    browse("bob").post("/jobs/saved", {"name": "My failures", "forget": "1"})
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(("name", "filters"), [("", "status=Failed"), ("x" * 61, "status=Failed"), ("x", "")])
def test_a_view_without_name_or_filters_is_refused_with_a_sentence(browse: Browse, name: str, filters: str) -> None:
    answer = browse("bob").post("/jobs/saved", {"name": name, "filters": filters}, follow=True)
    assert "A view needs a name" in told(answer.content.decode(), "alert")
    assert not SavedView.objects.exists()
