"""The list of jobs: who sees what, filters, paging, live updates, retry and cancel."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from audit.models import AuditLog
from jobs.models import JobExecutionLog
from jobs.status import Status
from tests.pages.html import Page
from tests.pages.jobs import HTMX, Browse, MakeJob, alert, content_hash, job_ids, job_rows, notice, open_page

RETRY = "Retry job Sales <by> region"


def test_jobs_are_listed_newest_first_with_their_status(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job(status) for status in Status.values]
    page = open_page(browse("bob"), "/jobs")
    assert job_ids(page) == [str(job.pk) for job in reversed(jobs)]
    failed, succeeded, running, queued = job_rows(page)
    assert "Failed" in failed.text and "1 min 15 s" in failed.text
    assert "Succeeded" in succeeded.text and "CSV, 1.2 MB 1,500 rows" in succeeded.text
    assert "Running" in running.text and "40%" in running.text
    assert "Queued" in queued.text


def test_text_from_reports_and_errors_is_escaped(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    page = open_page(browse("alice"), "/jobs")
    assert "Sales &lt;by&gt; region" in page.source
    assert "<by>" not in page.source
    assert "<refused>" not in page.source


@pytest.mark.parametrize(
    ("name", "count"), [("alice", 2), ("bob", 2), ("carol", 2), ("erin", 1), ("dave", 0), ("gina", 0)]
)
def test_users_see_only_the_jobs_they_have_rights_on(browse: Browse, make_job: MakeJob, name: str, count: int) -> None:
    make_job(by="erin")
    make_job(by="bob")
    assert len(job_ids(open_page(browse(name), "/jobs"))) == count


def test_tabs_count_by_status_within_the_other_filters(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    make_job("Failed", by="erin")
    make_job("Queued")
    page = open_page(browse("alice"), "/jobs?requestedBy=bob&status=Failed")
    tabs = page.get("navigation", "Status").all("link")
    assert [tab.text for tab in tabs] == ["All 2", "Queued 1", "Running 0", "Succeeded 0", "Failed 1"]
    assert [tab.text for tab in tabs if "aria-current" in tab] == ["Failed 1"]
    assert len(job_ids(page)) == 1
    assert "requestedBy=bob&status=Queued" in tabs[1]["href"]


def test_an_invalid_filter_is_reported_at_its_field_and_the_list_is_shown_anyway(
    browse: Browse, make_job: MakeJob
) -> None:
    make_job()
    page = open_page(browse("bob"), "/jobs?since=yesterday&status=Lost")
    since = page.field("Queued from")
    assert (since.value, since.is_invalid, since.description) == ("yesterday", True, "Enter a valid date/time.")
    assert "Select a valid choice" in page.text
    assert len(job_ids(page)) == 1


def test_pages_follow_each_other_without_loss_and_keep_the_filters(browse: Browse, make_job: MakeJob) -> None:
    jobs = [str(make_job("Failed").pk) for _ in range(5)]
    client, seen, path = browse("alice"), list[str](), "/jobs?status=Failed&pageSize=2"
    while path:
        page = open_page(client, path)
        assert "status=Failed" in path
        seen += job_ids(page)
        older = page.all("link", "Older")
        path = f"/jobs{older[0]['href']}" if older else ""
    assert seen == jobs[::-1]
    assert client.get("/jobs?cursor=nonsense").status_code == 404


def test_the_list_takes_as_many_queries_for_one_job_as_for_many(
    browse: Browse, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = browse("alice")
    make_job("Failed")
    with django_assert_num_queries(11):
        open_page(client, "/jobs")
    for _ in range(20):
        make_job("Failed")
    with django_assert_num_queries(11):
        open_page(client, "/jobs")


def test_a_live_update_is_a_fragment_and_empty_if_nothing_changed(browse: Browse, make_job: MakeJob) -> None:
    job, client = make_job("Queued"), browse("bob")
    fragment = open_page(client, "/jobs", headers=HTMX)
    assert "<html" not in fragment.source
    region = fragment.get("region", "Jobs")
    assert region["hx-trigger"].startswith("every 3s")
    unchanged = HTMX | content_hash(region)
    assert client.get("/jobs", headers=unchanged).status_code == 204
    JobExecutionLog.objects.filter(pk=job.pk).update(percent=10)
    assert client.get("/jobs", headers=unchanged).status_code == 200


def test_a_list_of_ended_jobs_reloads_less_often(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    assert open_page(browse("bob"), "/jobs").get("region", "Jobs")["hx-trigger"].startswith("every 15s")


def test_only_administrators_have_a_retry_button_on_failed_jobs(browse: Browse, make_job: MakeJob) -> None:
    for status in Status.values:
        make_job(status)
    page = open_page(browse("alice"), "/jobs")
    assert [row.has("button", RETRY) for row in job_rows(page)] == [True, False, False, False]
    assert page.get("button", RETRY)["aria-label"] == RETRY
    assert not open_page(browse("bob"), "/jobs").has("button", RETRY)


def test_a_retry_lists_the_new_job_on_top_keeps_the_filters_and_reports_it(browse: Browse, make_job: MakeJob) -> None:
    job, client = make_job("Failed"), browse("alice")
    response = client.post(f"/jobs/{job.pk}/retry", {"next": "/jobs?report=sales"}, headers=HTMX, follow=True)
    page = Page(response)
    new = JobExecutionLog.objects.get(retry_of=job)
    assert response.redirect_chain == [("/jobs?report=sales", 302)]
    assert job_ids(page)[0] == str(new.pk)
    assert 'hx-swap-oob="innerHTML:#notices"' in page.source
    assert "Sales <by> region retried as a new job." in page.text
    assert page.get("link", "a new job")["href"] == f"/jobs/{new.pk}"
    assert not job_rows(page)[1].has("button", RETRY), "a retried job has no Retry button any more"
    assert AuditLog.objects.filter(action="Job Retry", target_id=str(job.pk), actor="alice").exists()


def test_a_second_retry_creates_no_job_and_is_an_error(browse: Browse, make_job: MakeJob) -> None:
    job, client = make_job("Failed"), browse("alice")
    client.post(f"/jobs/{job.pk}/retry")
    page = Page(client.post(f"/jobs/{job.pk}/retry", {"next": "/jobs"}, follow=True))
    assert JobExecutionLog.objects.count() == 2
    assert alert(page) == "This job has already been retried."
    assert page.get("alert").text == alert(page)


def test_retrying_a_job_that_did_not_fail_is_refused(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    page = Page(browse("alice").post(f"/jobs/{job.pk}/retry", follow=True))
    assert alert(page) == "Only a failed job can be retried."
    assert JobExecutionLog.objects.count() == 1


def test_retrying_a_job_of_a_deleted_report_is_refused(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed", report=None, version=None)
    page = Page(browse("alice").post(f"/jobs/{job.pk}/retry", follow=True))
    assert alert(page) == "The original report configuration could not be found."
    assert JobExecutionLog.objects.count() == 1


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("dave", 403), ("gina", 404)])
def test_only_administrators_of_the_tenant_retry(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job("Failed")
    assert browse(name).post(f"/jobs/{job.pk}/retry").status_code == status
    assert JobExecutionLog.objects.count() == 1


def test_an_action_never_redirects_to_another_host(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Queued")
    response = browse("bob").post(f"/jobs/{job.pk}/cancel", {"next": "//example.com/"})
    assert response["Location"] == f"/jobs/{job.pk}"


@pytest.mark.parametrize(("name", "status"), [("alice", 302), ("bob", 302), ("carol", 403), ("gina", 404)])
def test_only_the_requester_and_administrators_cancel(
    browse: Browse, make_job: MakeJob, name: str, status: int
) -> None:
    job = make_job("Queued", by="bob")
    client = browse(name)
    assert open_page(client, "/jobs").has("button", "Cancel job Sales <by> region") is (status == 302)
    assert client.post(f"/jobs/{job.pk}/cancel").status_code == status
    job.refresh_from_db()
    assert (job.status == "Failed") is (status == 302)


def test_cancelling_reports_whether_the_job_has_ended(browse: Browse, make_job: MakeJob) -> None:
    queued, running = make_job("Queued"), make_job("Running")
    client = browse("bob")
    messages = [notice(Page(client.post(f"/jobs/{job.pk}/cancel", follow=True))) for job in (queued, running)]
    assert messages == ["Sales <by> region cancelled.", "Sales <by> region is being cancelled."]


def test_actions_require_post(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed")
    assert browse("alice").get(f"/jobs/{job.pk}/retry").status_code == 405


@pytest.mark.parametrize(
    ("status", "buttons"),
    [("Failed", ["Retry…"]), ("Queued", ["Cancel…"]), ("Succeeded", []), ("", ["Retry…", "Cancel…"])],
)
def test_a_tab_offers_only_the_bulk_actions_that_its_jobs_allow(
    browse: Browse, make_job: MakeJob, status: str, buttons: list[str]
) -> None:
    for each in ("Failed", "Queued", "Succeeded"):
        make_job(each)
    page = open_page(browse("alice"), f"/jobs?status={status}")
    assert [button.name for button in page.all("button") if button.name.endswith("…")] == buttons
