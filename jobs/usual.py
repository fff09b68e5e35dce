"""How reports usually go, from the newest jobs that the user sees of each: the last one, how many succeed, how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import User
from jobs.figures import halfway_and_95
from jobs.models import ENDED, Status
from reports.models import ReportConfiguration
from reports.past import Past
from reports.querysets import Right, granted_ids, read_id, stored

#: Jobs of one report, and of one person where only the own ones are seen.
SAMPLE = 50
_OWN = 500
_SECONDS = {
    # Days since 4714 BC are exact to some hundredths of a millisecond, and of a moment SQLite reads whole ones.
    "sqlite": "round((julianday(ended_at) - julianday(started_at)) * 86400, 3)",
    "postgresql": "extract(epoch from ended_at - started_at)::float8",
}
# Written by hand, as many rows are read of which few values are shown: Django takes longer to make objects of the
# others than the database to find all. Each part goes along the index of a report's, or of a person's, newest jobs.
_NEWEST = """
    select report_id, status, {seconds}, rows, id, queued_at from jobs_jobexecutionlog
    where {which} order by queued_at desc, id desc limit {most}
"""
# With the tenant, which the report implies, because it stands between the two in the index.
_OF_REPORT = {
    "sqlite": "report_id = %s and tenant_id = (select tenant_id from reports_reportconfiguration where id = %s)",
    "postgresql": "report_id = asked.id and tenant_id = asked.tenant_id",
}
_OF_PERSON = "requested_by_id = %s and tenant_id = %s and report_id in ({reports})"
_OF_EACH = {
    "sqlite": "select * from ({newest})",
    "postgresql": """
        select newest.* from reports_reportconfiguration asked cross join lateral ({newest}) newest
        where asked.id = any(%s)
    """,
}


@dataclass(frozen=True)
class Usual:
    """Of one report. `run`: seconds that half and that 95 % of the runs that succeeded took at most."""

    last_id: UUID
    last_status: str
    last_at: datetime
    ended: int
    succeeded: int
    run: tuple[float, float] | None
    rows: int | None

    @property
    def percent(self) -> int | None:
        """How many succeeded, of those that ended."""
        return int(100 * self.succeeded / self.ended) if self.ended else None


def usual(user: User, reports: Sequence[ReportConfiguration]) -> dict[UUID, Usual]:
    """By report; without those that the user sees no job of. In a number of queries that does not grow with them."""
    return {report: _usual(rows) for report, rows in _by_report(_newest(user, reports)).items()}


def past(report: ReportConfiguration) -> Past | None:
    """How the report's newest runs went, for whoever administers it."""
    found = next(map(_usual, _by_report(_newest_of([report.pk])).values()), None)
    if found is None or found.run is None:
        return None
    return Past(found.succeeded, found.rows or 0, *found.run)


def _newest(user: User, reports: Sequence[ReportConfiguration]) -> list[tuple[Any, ...]]:
    """The newest jobs first, of each report."""
    ids = {report.pk for report in reports}
    held = {Right.VIEW: ids, Right.GENERATE: ids} if user.is_administrator else granted_ids(user)
    whole, own = ids & held[Right.VIEW], ids & (held[Right.GENERATE] - held[Right.VIEW])
    return [*(_newest_of(whole) if whole else []), *(_newest_by(user, own) if own else [])]


def _newest_of(reports: Iterable[UUID]) -> list[tuple[Any, ...]]:
    newest = _statement(_OF_REPORT[connection.vendor], SAMPLE)
    one, asked = _OF_EACH[connection.vendor].format(newest=newest), [stored(report) for report in reports]
    if connection.vendor == "postgresql":
        return _rows(one, [asked])
    return _rows(" union all ".join([one] * len(asked)), [report for report in asked for _ in range(2)])


def _newest_by(user: User, reports: Collection[UUID]) -> list[tuple[Any, ...]]:
    which = _OF_PERSON.format(reports=", ".join(["%s"] * len(reports)))
    return _rows(_statement(which, _OWN), [user.pk, user.tenant_id, *map(stored, reports)])


def _statement(which: str, most: int) -> str:
    return _NEWEST.format(seconds=_SECONDS[connection.vendor], which=which, most=most)


def _rows(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _by_report(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, list[tuple[Any, ...]]]:
    found: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for report, *row in rows:
        found[report].append(tuple(row))
    return {read_id(report): rows[:SAMPLE] for report, rows in found.items()}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _usual(rows: Sequence[tuple[Any, ...]]) -> Usual:
    last_status, _, _, last_id, last_at = rows[0]
    ended = [row for row in rows if row[0] in ENDED]
    done = [row for row in ended if row[0] == Status.SUCCEEDED]
    run = halfway_and_95([row[1] for row in done])
    middle = sorted(row[2] for row in done)[len(done) // 2] if done else None
    last = (read_id(last_id), last_status, _moment(last_at))
    return Usual(*last, len(ended), len(done), run, middle)
