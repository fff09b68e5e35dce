"""How long a run will take, estimated from past runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from jobs.actions import submit
from jobs.models import JobExecutionLog
from jobs.status import Status
from reports.dry_run.run_time_estimate import run_seconds
from reports.models import ReportConfiguration
from reports.runner_port import PastRun, Throughput
from tests.reports.definitions.sample_file import apply_definitions, sample
from tests.reports.dry_run.helpers import check_reports, definition, validate

with_reports = pytest.mark.usefixtures("stored_reports")
with_databases = pytest.mark.django_db(databases="__all__")

#: Returns 5,000 rows if both parameters are set.
QUERY = (
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000 and :start < :end) select i from n"
)


@pytest.mark.parametrize(
    ("runs", "rows", "seconds"),
    [
        ([(10, 0.5), (20, 0.4)], 1_000_000, None),
        ([(10, 0.5), (20, 0.4)], 100, 0.4),
        ([(10, 0.5), (100_000, 2.0), (200_000, 2.0)], 1_000_000, 20.0),
        ([(10, 0.5), (100_000, 2.0)], 1, 0.5),
    ],
)
def test_small_runs_say_nothing_about_large_ones(
    runs: list[tuple[int, float]], rows: int, seconds: float | None
) -> None:
    assert run_seconds(Throughput("report", tuple(PastRun(*run) for run in runs)), rows) == seconds


def add_run(slug: str, seconds: float, rows: int, format: str = "csv") -> None:
    """Add a successful run of the report."""
    parameters = {"start": "2013-01-01", "end": "2013-12-31"}
    report, actor = ReportConfiguration.objects.get(slug=slug), User.objects.get(username="alice")
    job = submit(report=report, actor=actor, parameters=parameters, format=format).job
    now = timezone.now()
    ended = {"status": Status.SUCCEEDED, "started_at": now, "ended_at": now + timedelta(seconds=seconds)}
    JobExecutionLog.objects.filter(pk=job.pk).update(rows=rows, attempt=1, fence=1, **ended)


@with_databases
@with_reports
def test_the_run_history_is_part_of_a_check() -> None:
    for seconds, rows in ((1, 10), (2, 30), (60, 20)):
        add_run("carrier-delays", seconds, rows)
    assert validate()["past"] == {"runs": 3, "rows": 20, "seconds": 2.0, "mostSeconds": 60.0}
    assert "Usually takes 2.0 s (95% within 60.0 s), about 20 rows." in check_reports()[1]


def estimated_seconds(format: str = "csv") -> tuple[float | None, str | None]:
    """Return the estimate for 5,000 rows, and whose runs it is based on."""
    parameters = {"start": "2013-01-01", "end": "2013-12-31"}
    result = validate(definition=definition(query=QUERY), parameters=parameters)
    assert result["estimatedRows"] == 5_000
    (fit,) = [fit for fit in result["formats"] if fit["format"] == format]
    return fit["seconds"], fit["secondsFrom"]


@with_databases
@with_reports
def test_the_estimate_is_based_on_the_most_similar_runs(tmp_path: Path) -> None:
    changed = sample()
    changed["data_sources"].append(changed["data_sources"][0] | {"slug": "twin"})
    changed["reports"] += [definition(slug="other"), definition(slug="twin", data_source="twin")]
    fixed = QUERY.replace(":start < :end", "true")
    changed["reports"].append(definition(slug="fixed", query=fixed, parameters=[]))
    apply_definitions(tmp_path, changed)
    assert estimated_seconds() == (None, None)
    add_run("twin", 4, 1_000)
    assert estimated_seconds() == (20.0, "format")
    add_run("other", 3, 1_000)
    assert estimated_seconds() == (15.0, "source")
    assert "csv: about 15.0 s, by other runs on this data source." in check_reports("fixed")[1]
    add_run("carrier-delays", 2, 1_000)
    assert estimated_seconds() == (10.0, "report")
    assert "csv: about" not in check_reports("carrier-delays")[1]
    assert estimated_seconds("pdf") == (None, None)
