"""Estimates how long a run will take: the expected rows at the speed of past runs in the same format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from accounts.models import User
from reports.choices.checking import check_choices
from reports.dry_run.check import CheckResult, check
from reports.dry_run.results import Fits
from reports.dry_run.target import DryRunTarget
from reports.exceptions import RunError
from reports.models import ReportConfiguration, ReportVersion
from reports.parameters.date_math import Moment
from reports.parameters.values import to_json, typed_values
from reports.runner_port import Throughput, report_runner

#: The time of a run with fewer rows is mostly start-up, which says nothing about its speed.
_MIN_ROWS = 1_000


def run_seconds(throughput: Throughput, rows: int) -> float | None:
    """Return the estimated seconds for this many rows: at the median speed, but no less than the quickest run took.

    None if only small runs are known and this one won't be small.
    """
    quickest = min(run.seconds for run in throughput.runs)
    seconds_per_row = sorted(run.seconds / run.rows for run in throughput.runs if run.rows >= _MIN_ROWS)
    if seconds_per_row:
        return max(quickest, rows * seconds_per_row[len(seconds_per_row) // 2])
    return quickest if rows < _MIN_ROWS else None


def with_run_times(result: CheckResult, report: ReportConfiguration) -> CheckResult:
    """Return the result with the report's run history, and with an estimated run time for each format."""
    runner = report_runner()
    throughputs = runner.throughputs(report) if result.estimated_rows is not None else {}
    formats = []
    for format in result.formats:
        throughput = throughputs.get(format.format)
        if throughput and format.fits is not Fits.NO:
            seconds = run_seconds(throughput, result.estimated_rows or 0)
            if seconds is not None:
                format = replace(format, seconds=round(seconds, 2), seconds_from=throughput.origin)
        formats.append(format)
    return replace(result, run_history=runner.run_history(report), formats=formats)


def estimate_run(
    version: ReportVersion, texts: Mapping[str, object], format: str, moment: Moment, *, actor: User
) -> CheckResult:
    """Estimate a run in this format with the texts of a form, for a user who may run it.

    Raises InvalidParameters, ChoicesUnavailable and DryRunBusy.
    """
    typed = typed_values(version.declared_parameters(), texts, moment, rules=version.rules, from_text=True)
    # Somebody who may only choose some values must not learn how many rows others have.
    check_choices(version, typed, actor=actor)
    values = to_json(typed)
    try:
        target = DryRunTarget.of_version(version, moment, actor)
    except RunError as error:
        return CheckResult(errors=[error.message])
    target = replace(target, formats=[offered for offered in version.formats if offered == format])
    # Only Administrators may see the driver's message, and this user may not be one.
    result = replace(check(target, values, actor=actor, compile_template=False), driver_message="")
    return with_run_times(result, version.report)
