"""What an operator may get wrong on a command line: told in a sentence, before anything is done."""

from __future__ import annotations

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


def refused(*command: object) -> str:
    """The sentence; how a command ends that raises it is Django's: exit code 1."""
    with pytest.raises(CommandError) as caught:
        run(*command)
    assert caught.value.returncode == 1
    return str(caught.value)


@pytest.fixture
def runnable(report: ReportConfiguration, tmp_path: Path) -> ReportConfiguration:
    """The report, with a data source that is there."""
    sqlite3.connect(tmp_path / "some.db").close()
    DataSource.objects.update(location=str(tmp_path / "some.db"))
    return report


@pytest.mark.parametrize("days", [-1, 36_501, 99_999_999_999])
def test_results_are_purged_by_an_age_that_is_one(succeed: Succeed, days: int) -> None:
    succeed()
    sentence = f"--older-than must be from 0 to 36,500 days, not {days}."
    assert refused("purge_results", f"--older-than={days}") == sentence
    assert refused("purge_results", f"--older-than={days}", "--dry-run") == sentence
    assert Artifact.objects.get().purged_at is None


def test_results_of_any_age_are_purged(succeed: Succeed) -> None:
    succeed()
    assert run("purge_results", "--older-than", 36_500) == "0 result(s) deleted.\n"
    assert run("purge_results", "--older-than", 0) == "1 result(s) deleted.\n"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["--limit=-1"], "--limit must be from 1 to 1,000,000, not -1."),
        (["--limit=0"], "--limit must be from 1 to 1,000,000, not 0."),
        ([f"--limit={10**30}"], f"--limit must be from 1 to 1,000,000, not {10**30}."),
        (["--q=foo:bar"], "--q: There is no foo: to search by, "),
        (["--q=report:"], "--q: "),
    ],
)
def test_a_wrong_filter_of_jobs_is_refused(
    queued: Callable[[], JobExecutionLog], wrong: list[str], sentence: str
) -> None:
    queued()
    assert refused("jobs", "list", *wrong).startswith(sentence)
    assert refused("jobs", "list", "--json", *wrong).startswith(sentence)


def test_jobs_are_listed_by_right_filters(queued: Callable[[], JobExecutionLog]) -> None:
    job = queued()
    assert str(job.pk) in run("jobs", "list", "--q", "report:one", "--limit", 1)
    assert str(job.pk) not in run("jobs", "list", "--q", "report:other")


def test_a_report_is_written_where_it_is_asked_for(runnable: ReportConfiguration, tmp_path: Path) -> None:
    run("run_report", "one", "-o", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines() == ["1", "1"]


@pytest.mark.parametrize("place", ["nowhere/x.csv", "some.db/x.csv", "", "x" * 300])
def test_a_report_that_could_not_be_written_is_not_run(
    runnable: ReportConfiguration, tmp_path: Path, place: str
) -> None:
    assert refused("run_report", "one", "-o", tmp_path / place).startswith(f"{tmp_path / place} can't be written: ")
    assert not AuditLog.objects.filter(action="Report Run").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"some.db"}


def test_a_report_whose_file_is_there_is_kept_when_the_run_fails(report: ReportConfiguration, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("older")
    refused("run_report", "one", "-o", tmp_path / "x.csv")
    refused("run_report", "one", "-o", tmp_path / "y.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "older"


@pytest.mark.parametrize("what", [[], ["--schema"]])
@pytest.mark.django_db
def test_definitions_that_can_not_be_written_are_told(tmp_path: Path, what: list[str]) -> None:
    place = tmp_path / "nowhere" / "x.yaml"
    assert refused("export", *what, "-o", place) == f"{place} can't be written: No such file or directory."
    assert refused("export", *what, "-o", tmp_path) == f"{tmp_path} can't be written: Is a directory."
