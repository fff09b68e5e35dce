"""Past runs by format, from which the run time of a report is estimated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from jobs.models import JobExecutionLog
from jobs.status import Status
from reports.dry_run.results import Origin
from reports.models import ReportConfiguration
from reports.runner_port import PastRun, Throughput

#: How many of the tenant's newest runs are read, and how many of the report's own, which may be older.
_TENANT_RUNS, _OWN_RUNS = 500, 50


class _Run(NamedTuple):
    format: str
    rows: int
    started_at: datetime
    ended_at: datetime
    source_id: UUID | None


_COLUMNS = ("format", "rows", "started_at", "ended_at", "version__data_source_id")


def throughputs(report: ReportConfiguration) -> Mapping[str, Throughput]:
    """Return past runs by format: the report's own if there are any, else those of its data source, else any.

    Takes two queries, each along an index of the newest jobs.
    """
    succeeded = JobExecutionLog.objects.filter(tenant=report.tenant_id, status=Status.SUCCEEDED).newest_first()
    if report.is_caller_bound:
        # How many rows others got is none of this user's business.
        return {}
    own = [_Run(*row) for row in succeeded.filter(report=report).values_list(*_COLUMNS)[:_OWN_RUNS]]
    newest = [_Run(*row) for row in succeeded.values_list(*_COLUMNS)[:_TENANT_RUNS]]
    source_id = report.current.data_source_id if report.current else None
    by_origin: dict[Origin, list[_Run]] = {
        "report": own,
        "source": [run for run in newest if run.source_id == source_id],
        "format": newest,
    }
    throughputs: dict[str, Throughput] = {}
    for origin, runs in by_origin.items():
        by_format: defaultdict[str, list[PastRun]] = defaultdict(list)
        for run in runs:
            by_format[run.format].append(PastRun(run.rows, (run.ended_at - run.started_at).total_seconds()))
        for format, past_runs in by_format.items():
            throughputs.setdefault(format, Throughput(origin, tuple(past_runs)))
    return throughputs
