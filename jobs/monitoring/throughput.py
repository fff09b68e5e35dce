"""How fast runs in each format go: a report's own where there are any, else those that are most like them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from jobs.models import JobExecutionLog
from jobs.status import Status
from reports.models import ReportConfiguration
from reports.runner import Origin, PastRun, Throughput

#: Runs of the tenant that are looked at, and of the report itself, which may be seldom run.
_NEWEST, _OWN = 500, 50
_COLUMNS = ("format", "rows", "started_at", "ended_at", "report_id", "version__data_source_id")


def throughputs(report: ReportConfiguration) -> Mapping[str, Throughput]:
    """By format. Two queries, each along an index of the newest jobs."""
    runs = JobExecutionLog.objects.filter(tenant=report.tenant_id, status=Status.SUCCEEDED).newest_first()
    source = report.current.data_source_id if report.current else None
    own = list(runs.filter(report=report).values_list(*_COLUMNS)[:_OWN])
    newest = list(runs.values_list(*_COLUMNS)[:_NEWEST])
    alike = [run for run in newest if run[-1] == source]
    nearness: tuple[tuple[Origin, list[tuple[Any, ...]]], ...] = (
        ("report", own), ("source", alike), ("format", newest),
    )  # fmt: skip
    found: dict[str, Throughput] = {}
    for origin, rows in nearness:
        for format, some in _by_format(rows).items():
            found.setdefault(format, Throughput(origin, tuple(some)))
    return found


def _by_format(rows: list[tuple[Any, ...]]) -> dict[str, list[PastRun]]:
    found: defaultdict[str, list[PastRun]] = defaultdict(list)
    for format, count, started, ended, *_ in rows:
        found[format].append(PastRun(count, (ended - started).total_seconds()))
    return found
