"""Commands: wrong options are refused with a sentence before anything is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import AuditLog
from jobs.models import Artifact, JobExecutionLog
from reports.models import DataSource, ReportConfiguration
from tests.jobs.delivery.helpers import Succeed


def run(*command: object) -> str:
    out = StringIO()
    call_command(*map(str, command), stdout=out, stderr=StringIO())
    return out.getvalue()


def error_of(*command: object) -> str:
    """Run a command that is refused. Return the error, which Django prints before it exits with code 1."""
    with pytest.raises(CommandError) as caught:
        run(*command)
    assert caught.value.returncode == 1
    return str(caught.value)


@pytest.fixture
def runnable(report: ReportConfiguration, tmp_path: Path) -> ReportConfiguration:
    """The report, with a data source that exists."""
    sqlite3.connect(tmp_path / "some.db").close()
    DataSource.objects.update(location=str(tmp_path / "some.db"))
    return report


@pytest.mark.parametrize("days", [-1, 36_501, 99_999_999_999])
def test_an_invalid_age_purges_nothing(succeed: Succeed, days: int) -> None:
    succeed()
    error = f"--older-than must be from 0 to 36,500 days, not {days}."
    assert error_of("purge_results", f"--older-than={days}") == error
    assert error_of("purge_results", f"--older-than={days}", "--dry-run") == error
    assert Artifact.objects.get().purged_at is None


def test_results_of_the_given_age_are_purged(succeed: Succeed) -> None:
    succeed()
    assert run("purge_results", "--older-than", 36_500) == "0 result(s) deleted.\n"
    assert run("purge_results", "--older-than", 0) == "1 result(s) deleted.\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--limit=-1"], "--limit must be from 1 to 1,000,000, not -1."),
        (["--limit=0"], "--limit must be from 1 to 1,000,000, not 0."),
        ([f"--limit={10**30}"], f"--limit must be from 1 to 1,000,000, not {10**30}."),
        (["--q=foo:bar"], '--q: Unknown filter "foo:". '),
        (["--q=report:"], "--q: "),
    ],
)
def test_an_invalid_filter_of_jobs_is_refused(
    queued: Callable[[], JobExecutionLog], options: list[str], error: str
) -> None:
    queued()
    assert error_of("jobs", "list", *options).startswith(error)
    assert error_of("jobs", "list", "--json", *options).startswith(error)


def test_jobs_are_filtered(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    assert str(job.pk) in run("jobs", "list", "--q", "report:one", "--limit", 1)
    assert str(job.pk) not in run("jobs", "list", "--q", "report:other")


def test_a_result_is_written_to_the_given_file(runnable: ReportConfiguration, tmp_path: Path) -> None:
    run("run_report", "one", "-o", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines() == ["1", "1"]


@pytest.mark.parametrize("path", ["nowhere/x.csv", "some.db/x.csv", "", "x" * 300])
def test_a_report_is_not_run_if_its_file_could_not_be_written(
    runnable: ReportConfiguration, tmp_path: Path, path: str
) -> None:
    assert error_of("run_report", "one", "-o", tmp_path / path).startswith(f"{tmp_path / path} can't be written: ")
    assert not AuditLog.objects.filter(action="Report Run").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"some.db"}


def test_a_failed_run_keeps_an_existing_file(report: ReportConfiguration, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("older")
    error_of("run_report", "one", "-o", tmp_path / "x.csv")
    error_of("run_report", "one", "-o", tmp_path / "y.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "older"


@pytest.mark.parametrize("options", [[], ["--schema"]])
@pytest.mark.django_db
def test_an_export_that_cannot_be_written_is_refused(tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "nowhere" / "x.yaml"
    assert error_of("export", *options, "-o", path) == f"{path} can't be written: No such file or directory."
    assert error_of("export", *options, "-o", tmp_path) == f"{tmp_path} can't be written: Is a directory."


def test_a_job_is_shown_retried_and_cancelled_as_json_for_scripts(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    shown = json.loads(run("jobs", "show", job.pk, "--json"))
    assert (shown["jobId"], shown["status"], [event["kind"] for event in shown["events"]]) == (
        str(job.pk),
        "Queued",
        ["queued"],
    )
    assert json.loads(run("jobs", "cancel", job.pk, "--json")) == {"jobId": str(job.pk)}
    retried = json.loads(run("jobs", "retry", job.pk, "--json"))
    assert JobExecutionLog.objects.get(pk=retried["jobId"]).retry_of_id == job.pk
    assert error_of("jobs", "retry", job.pk) == "This job has already been retried."
    assert error_of("jobs", "show", "nonsense") == "Job with ID 'nonsense' not found."
