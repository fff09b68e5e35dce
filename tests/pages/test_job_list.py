"""The monitor's list: who sees what, filters, paging, live updates, retry and cancel."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from audit.models import AuditLog
from jobs.models import JobExecutionLog
from jobs.status import Status

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]
LIVE = {"HX-Request": "true"}


def page(client: Client, path: str = "/jobs", **options: Any) -> str:
    answer = client.get(path, **options)
    assert answer.status_code == 200
    return str(answer.content.decode())


def shown(text: str) -> list[str]:
    return re.findall(r'<tr id="job-([0-9a-f-]{36})"', text)


def test_jobs_are_listed_newest_first_with_their_states_in_words(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job(status) for status in Status.values]
    text = page(browse("bob"))
    assert shown(text) == [str(job.pk) for job in reversed(jobs)]
    for word in ("Queued", "Running", "Succeeded", "Failed", "1.2 MB", "1,500 rows", "40 %", "1 min 15 s"):
        assert word in text


def test_text_from_reports_and_errors_is_escaped(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    text = page(browse("alice"))
    assert "Sales &lt;by&gt; region" in text
    assert "<by>" not in text
    assert "<refused>" not in text


@pytest.mark.parametrize(
    ("name", "count"), [("alice", 2), ("bob", 2), ("carol", 2), ("erin", 1), ("dave", 0), ("gina", 0)]
)
def test_everybody_sees_only_the_jobs_they_may(browse: Browse, make_job: MakeJob, name: str, count: int) -> None:
    make_job(by="erin")
    make_job(by="bob")
    assert len(shown(page(browse(name)))) == count


def test_tabs_count_by_status_within_the_other_filters(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    make_job("Failed", by="erin")
    make_job("Queued")
    text = page(browse("alice"), "/jobs?requestedBy=bob&status=Failed")
    counts = dict(re.findall(r'</svg>(\w+) <span class="count">([\d,]+)</span>', text))
    assert counts == {"Queued": "1", "Running": "0", "Succeeded": "0", "Failed": "1"}
    assert len(shown(text)) == 1
    assert "requestedBy=bob&amp;status=Queued" in text


def test_a_filter_that_is_not_valid_is_told_beside_its_field_and_the_list_is_shown_anyway(
    browse: Browse, make_job: MakeJob
) -> None:
    make_job()
    text = page(browse("bob"), "/jobs?since=yesterday&status=Lost")
    assert "Enter a valid date/time." in text
    assert 'value="yesterday"' in text
    assert "Select a valid choice" in text
    assert len(shown(text)) == 1


def test_pages_follow_each_other_without_loss_and_keep_the_filters(browse: Browse, make_job: MakeJob) -> None:
    jobs = [str(make_job("Failed").pk) for _ in range(5)]
    client, seen, path = browse("alice"), [], "/jobs?status=Failed&pageSize=2"
    while path:
        text = page(client, path)
        assert "status=Failed" in path
        seen += shown(text)
        older = re.search(r'rel="next" href="([^"]+)"', text)
        path = f"/jobs{older[1].replace('&amp;', '&')}" if older else ""
    assert seen == jobs[::-1]
    assert client.get("/jobs?cursor=nonsense").status_code == 404


def test_the_list_takes_the_same_queries_for_one_job_and_for_many(
    browse: Browse, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("alice")
    make_job("Failed")
    with django_assert_num_queries(10):
        page(client)
    for _ in range(20):
        make_job("Failed")
    with django_assert_num_queries(10):
        page(client)


def test_a_live_list_is_a_fragment_and_nothing_when_nothing_changed(browse: Browse, make_job: MakeJob) -> None:
    job, client = make_job("Queued"), browse("bob")
    text = page(client, headers=LIVE)
    assert "<html" not in text
    assert 'hx-trigger="every 3s' in text
    seen = re.search(r'"X-Seen": "(\w+)"', text)
    assert seen
    assert client.get("/jobs", headers={**LIVE, "X-Seen": seen[1]}).status_code == 204
    JobExecutionLog.objects.filter(pk=job.pk).update(percent=10)
    assert client.get("/jobs", headers={**LIVE, "X-Seen": seen[1]}).status_code == 200


def test_a_list_of_ended_jobs_looks_less_often(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    assert 'hx-trigger="every 15s' in page(browse("bob"))


def test_retry_is_there_for_administrators_and_failed_jobs_only(browse: Browse, make_job: MakeJob) -> None:
    for status in Status.values:
        make_job(status)
    button = 'aria-label="Retry job Sales &lt;by&gt; region"'
    assert page(browse("alice")).count(button) == 1
    assert button not in page(browse("bob"))


def test_retry_puts_a_new_job_on_top_keeps_the_filters_and_says_so(browse: Browse, make_job: MakeJob) -> None:
    job, client = make_job("Failed"), browse("alice")
    answer = client.post(f"/jobs/{job.pk}/retry", {"next": "/jobs?report=sales"}, headers=LIVE, follow=True)
    text = answer.content.decode()
    new = JobExecutionLog.objects.get(retry_of=job)
    assert answer.redirect_chain == [("/jobs?report=sales", 302)]
    assert shown(text)[0] == str(new.pk)
    assert 'hx-swap-oob="innerHTML:#notices"' in text
    assert "is queued again" in text
    assert f'id="retry-{job.pk}"' not in text, "a job that was retried has no Retry any more"
    assert AuditLog.objects.filter(action="Job Retry", target_id=str(job.pk), actor="alice").exists()


def test_a_second_retry_makes_no_second_job_and_is_told_as_an_error(browse: Browse, make_job: MakeJob) -> None:
    job, client = make_job("Failed"), browse("alice")
    client.post(f"/jobs/{job.pk}/retry")
    text = client.post(f"/jobs/{job.pk}/retry", {"next": "/jobs"}, follow=True).content.decode()
    assert JobExecutionLog.objects.count() == 2
    assert "This job has already been retried." in text.split('role="alert"')[1]


def test_retry_of_a_job_that_did_not_fail_is_refused(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    text = browse("alice").post(f"/jobs/{job.pk}/retry", follow=True).content.decode()
    assert "Only a failed job can be retried." in text
    assert JobExecutionLog.objects.count() == 1


def test_retry_of_a_deleted_report_is_told_and_queues_nothing(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed", report=None, version=None)
    text = browse("alice").post(f"/jobs/{job.pk}/retry", follow=True).content.decode()
    assert "The original report configuration could not be found." in text
    assert JobExecutionLog.objects.count() == 1


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("dave", 403), ("gina", 404)])
def test_who_may_not_retry_is_refused(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job("Failed")
    assert browse(name).post(f"/jobs/{job.pk}/retry").status_code == status
    assert JobExecutionLog.objects.count() == 1


def test_an_action_never_leads_to_another_host(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Queued")
    answer = browse("bob").post(f"/jobs/{job.pk}/cancel", {"next": "//example.com/"})
    assert answer["Location"] == f"/jobs/{job.pk}"


@pytest.mark.parametrize(("name", "status"), [("alice", 302), ("bob", 302), ("carol", 403), ("gina", 404)])
def test_only_who_asked_and_administrators_cancel(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job("Queued", by="bob")
    client = browse(name)
    assert ("Cancel job" in page(client)) is (status == 302)
    assert client.post(f"/jobs/{job.pk}/cancel").status_code == status
    job.refresh_from_db()
    assert (job.status == "Failed") is (status == 302)


def test_actions_take_a_post(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed")
    assert browse("alice").get(f"/jobs/{job.pk}/retry").status_code == 405


@pytest.mark.parametrize(
    ("status", "offered"), [("Failed", ["retry"]), ("Queued", ["cancel"]), ("Succeeded", []), ("", ["retry", "cancel"])]
)
def test_a_tab_offers_only_what_can_be_done_in_it(
    browse: Browse, make_job: MakeJob, status: str, offered: list[str]
) -> None:
    for one in ("Failed", "Queued", "Succeeded"):
        make_job(one)
    shown = browse("alice").get(f"/jobs?status={status}").content.decode()
    assert re.findall('name="action" value="([a-z]+)"', shown) == offered
